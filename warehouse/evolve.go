package warehouse

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"metadb/change"
)

// delta is what must change in a table before an event can be applied.
type delta struct {
	create bool
	add    []change.Column // columns by their warehouse names
	retype []change.Column // existing columns with the type they are to have
	key    []string        // new key columns; nil: as they are
	index  []string        // columns that need an index
	year   int             // history partition to make; 0: none
}

func (d delta) empty() bool {
	return !d.create && len(d.add) == 0 && len(d.retype) == 0 && d.key == nil && len(d.index) == 0 && d.year == 0
}

// String says what is to be changed, for logs and people.
func (d delta) String() string {
	var parts []string
	if d.create {
		parts = append(parts, "create it")
	}
	for _, c := range d.add {
		parts = append(parts, "add column "+c.Name+" "+c.Type.String())
	}
	for _, c := range d.retype {
		parts = append(parts, "change column "+c.Name+" to "+c.Type.String())
	}
	if d.key != nil {
		parts = append(parts, "note its key ("+strings.Join(d.key, ", ")+")")
	}
	if len(d.index) > 0 {
		parts = append(parts, "index "+strings.Join(d.index, ", "))
	}
	if d.year != 0 {
		parts = append(parts, fmt.Sprintf("add the year %d", d.year))
	}
	return strings.Join(parts, ", ")
}

// without leaves out what t has already.
func (d delta) without(t *table) delta {
	d.add = slices.DeleteFunc(slices.Clone(d.add), func(c change.Column) bool { _, there := t.index[c.Name]; return there })
	d.retype = slices.DeleteFunc(slices.Clone(d.retype), func(c change.Column) bool {
		i, there := t.index[c.Name]
		return !there || t.columns[i].Type == c.Type
	})
	d.index = slices.DeleteFunc(slices.Clone(d.index), func(name string) bool { return t.indexed[name] })
	if d.key != nil && t.keyKnown && slices.Equal(d.key, t.keyNames()) {
		d.key = nil
	}
	if t.years[d.year] {
		d.year = 0
	}
	d.create = d.create && t.id == 0
	return d
}

// barrier says whether events before this one must be applied first: they were
// folded under the old key, or stored and then converted, when the source wrote
// them (rule R5).
func (d delta) barrier() bool { return len(d.retype) > 0 || d.key != nil && !d.create }

// planKey finds the plan of an event's shapes in a table.
type planKey struct{ row, key *change.Shape }

// deltaFor compares an event with its table; t is nil when there is none. Only
// events that write a row make tables and partitions.
func deltaFor(t *table, ev *change.Event) delta {
	var d delta
	if ev.Op == change.Truncate || ev.Op == change.Delete && t == nil {
		return d
	}
	if ev.Op == change.Delete && ev.KeyShape != nil {
		// The key may be the first to come in a new type: narrowed to the old one it
		// could be another row's.
		d.columnsDelta(t, ev.KeyShape, ev.Key)
		d.keyDelta(t, ev)
		return d
	}
	if t == nil {
		d.create = true
		t = newTable(tableName{ev.Target.Schema, ev.Target.Table})
	}
	row := ev.Row
	if ev.Op == change.Delete {
		row = ev.Before
	}
	if row == nil {
		return d
	}
	d.columnsDelta(t, ev.Shape, row)
	d.keyDelta(t, ev)
	if year := yearOf(ev.TsMs); ev.Op != change.Delete && !t.years[year] {
		d.year = year
	}
	return d
}

// columnsDelta notes columns that the table lacks, and those that must be wider.
func (d *delta) columnsDelta(t *table, s *change.Shape, row change.Tuple) {
	for _, c := range s.Columns {
		field := row
		_, _, row = row.Next()
		name := columnName(c.Name)
		i, ok := t.index[name]
		if !ok {
			d.add = append(d.add, change.Column{Name: name, Type: c.Type, Note: noteFor(c, name)})
			if c.Type == change.UUID {
				d.index = append(d.index, name)
			}
			continue
		}
		holds := func() bool { return holdsUUID(field) }
		if to := widen(t.columns[i].Type, c.Type, holds); to != t.columns[i].Type {
			d.retype = append(d.retype, change.Column{Name: name, Type: to})
		}
	}
}

// noteFor is the comment of a column: what it holds, and its name in the source if
// that could not stay.
func noteFor(c change.Column, name string) string {
	if name == c.Name {
		return c.Note
	}
	if c.Note == "" {
		return "column " + c.Name + " of the source"
	}
	return "column " + c.Name + " of the source: " + c.Note
}

// keyDelta notes a new or changed key and the indexes that it needs. An event
// without a key does not take a known key away, and one that has lost it tells
// nothing: damaged names arrive so (rule R12), and the table's key finds their rows.
func (d *delta) keyDelta(t *table, ev *change.Event) {
	key := ev.KeyShape
	if key == nil && (ev.KeyLost || len(t.key) > 0) {
		return
	}
	names := []string{}
	if key != nil {
		for _, c := range key.Columns {
			names = append(names, columnName(c.Name))
		}
	}
	if !t.keyKnown || !slices.Equal(names, t.keyNames()) {
		d.key = names
	}
	for _, n := range names {
		if !t.indexed[n] && !slices.Contains(d.index, n) {
			d.index = append(d.index, n)
		}
	}
}

// holdsUUID says whether a text value may stay in a uuid column: it is one, or
// it is no value.
func holdsUUID(field change.Tuple) bool {
	v, n, _ := field.Next()
	return n < 0 || isUUID(v)
}

// yearOf is the UTC year of a time in ms since 1970.
func yearOf(ms int64) int { return time.UnixMilli(ms).UTC().Year() }
