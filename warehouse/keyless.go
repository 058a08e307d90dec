package warehouse

import (
	"bytes"
	"slices"

	"metadb/change"
)

// A row of a table without a key is found by its values: by those of the columns that
// the source's events have.

// lookBy leaves only the columns of a shape for finding rows without a key: what the
// source has dropped is in our rows and not in its events. Before the first event.
func (l *lane) lookBy(s *change.Shape) {
	if len(l.t.key) > 0 || s == nil {
		return
	}
	l.look = l.look[:0:0]
	for i, c := range l.t.columns {
		if slices.ContainsFunc(s.Columns, func(sent change.Column) bool { return columnName(sent.Name) == c.Name }) {
			l.look = append(l.look, i)
		}
	}
	l.keys = l.arrays()
}

// addKeyless finds the state of the row that ends by the whole row before the
// change, and that of the row that begins.
func (l *lane) addKeyless(e *laneEvent, p *plan, arena *change.Arena) error {
	if e.ev.Before != nil {
		before, err := l.encode(p, e.ev.Before, arena)
		if err != nil {
			return err
		}
		e.before = before
		e.state = l.stateOf(l.allOf(before), true)
	}
	if e.row != nil {
		e.next = l.stateOf(l.allOf(e.row), e.mayBeThere())
	}
	return nil
}

// allOf are all fields of a row by which one without a key is found, valid until the
// next call for the lane.
func (l *lane) allOf(row change.Tuple) [][]byte {
	fields := l.fields[:0]
	for i, n := 0, 0; len(row) > 0 && n < len(l.look); i++ {
		v, _, rest := row.Next()
		if l.look[n] == i {
			fields = append(fields, v)
			n++
		}
		row = rest
	}
	l.fields = fields
	return fields
}

// foldKeyless adds rows and ends one row equal to the one before the change.
func (l *lane) foldKeyless(e *laneEvent, at int64) {
	if e.shared && e.ev.Unkeyed() && l.repeated(e.ev) {
		l.unchanged++
		return
	}
	var before change.Tuple
	if st := e.state; st != nil {
		switch v, r := l.rowToEnd(e, at); {
		case v >= 0:
			found := &l.versions[st.versions[v]]
			before = found.row
			l.endVersion(st.versions[v], max(at, found.start))
			st.versions = slices.Delete(st.versions, v, v+1)
		case r >= 0:
			before = st.rows[r].row
			l.endRow(st.rows[r], max(at, st.rows[r].start))
			st.rows = slices.Delete(st.rows, r, r+1)
		case l.letters != nil || e.ev.KeyLost:
			l.missed = append(l.missed, e.ev)
		}
	}
	if e.row == nil || l.foundAgain(e) {
		return
	}
	row, st := e.row, e.next
	if hasUnavailable(row) {
		row = l.complete(row, e.sentBefore(before))
		st = l.stateOf(l.allOf(row), false) // it is another row than that without these values
	}
	l.begin(st, e, at, row)
}

// sentBefore is the row before the change of an event without a key: as the event has
// it, which is whole, or else the row that was found.
func (e *laneEvent) sentBefore(found change.Tuple) change.Tuple {
	if e.before == nil || hasUnavailable(e.before) {
		return found
	}
	return e.before
}

// rowToEnd is which of some equal rows an event ends, as a place among the versions of
// its state or, if that is below zero, among the stored rows; both below: none. It is
// one that is the same to the letter (1.5 equals 1.50) rather than one that is only
// equal; one without values in columns that the event does not know, which may be newer
// than it; and one that is confirmed rather than not, if the event knows of such: what
// it ends was in the source. Else it is the latest. Where events come out of order,
// none that begins after it.
func (l *lane) rowToEnd(e *laneEvent, at int64) (v, r int) {
	st, best, most := e.state, -1, 6
	if e.ev.Confirms != nil {
		most++
	}
	v, r = -1, -1
	better := func(start int64, row change.Tuple, confirmed func() bool) bool {
		rank := 0
		letters, alone := l.sameLetters(e.before, row)
		if letters {
			rank = 4
		}
		if alone {
			rank += 2
		}
		if e.ev.Confirms != nil && confirmed() {
			rank++
		}
		if rank <= best || e.shared && start > at {
			return false
		}
		best = rank
		return true
	}
	for i, n := range slices.Backward(st.versions) {
		x := &l.versions[n]
		if better(x.start, x.row, func() bool { return x.confirmedBy != nil && stillConfirms(x.confirmedBy, e.ev) }) {
			v = i
			if best == most {
				return v, r
			}
		}
	}
	for i, x := range slices.Backward(st.rows) {
		if better(x.start, x.row, func() bool { return l.marked.at(x.id, e.ev) }) {
			v, r = -1, i
			if best == most {
				return v, r
			}
		}
	}
	return v, r
}

// sameLetters compares the columns by which rows are found byte by byte; alone says
// that b has no values in the others.
func (l *lane) sameLetters(a, b change.Tuple) (letters, alone bool) {
	if bytes.Equal(a, b) {
		return true, true
	}
	letters, alone = true, true
	for i, n := 0, 0; len(b) > 0; i++ {
		x, nx, restA := a.Next()
		y, ny, restB := b.Next()
		if n < len(l.look) && l.look[n] == i {
			letters = letters && nx == ny && bytes.Equal(x, y)
			n++
		} else {
			alone = alone && ny == change.Null
		}
		a, b = restA, restB
	}
	return letters, alone
}
