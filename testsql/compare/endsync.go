package compare

import (
	"slices"
	"time"
)

// endsync is what the oracle has instead of the end that endsync itself wrote,
// by its own clock.
const endsync = "ENDSYNC"

// lastStreamed is the last start or end in all tables that an event brought.
func lastStreamed(tables []*historyTable) time.Time {
	var last time.Time
	for _, h := range tables {
		for i, column := range h.sheet.Columns {
			if column != "__start" && column != "__end" {
				continue
			}
			for _, row := range h.sheet.Rows {
				if at, ok := instant(row[i].Text); ok && !open(at) && at.After(last) {
					last = at
				}
			}
		}
	}
	return last
}

// open says whether an end is that of a current row.
func open(at time.Time) bool { return at.Year() == 9999 }

// nameEndsync writes the oracle's word for every end that no event brought.
// Tables without that word are left as they are.
func (h *historyTable) nameEndsync(rows [][]Cell) [][]Cell {
	i := slices.Index(h.sheet.Columns, "__end")
	if !slices.ContainsFunc(h.sheet.Rows, func(row []Cell) bool { return row[i].Text == endsync }) {
		return rows
	}
	for _, row := range rows {
		if at, ok := instant(row[i].Text); ok && !open(at) && at.After(h.streamed) {
			row[i].Text = endsync
		}
	}
	return rows
}
