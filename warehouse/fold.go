package warehouse

import (
	"encoding/binary"
	"slices"

	"metadb/change"
)

// forever is the __end of a current row, 9999-12-31 00:00:00 UTC, in µs since 2000.
const forever = 252_455_529_600_000_000

// micros turns ms since 1970 into PostgreSQL's µs since 2000.
func micros(ms int64) int64 { return ms*1000 - epochMicros }

// fold runs the lane's events one after the other on the state of their keys, as
// one-by-one application would. Afterwards versions, closed and ends say what is
// to be written; versions keep the order of arrival.
func (l *lane) fold() {
	l.versions = slices.Grow(l.versions, len(l.events))
	for i := range l.events {
		e := &l.events[i]
		at := micros(e.ev.TsMs)
		switch {
		case len(l.t.key) == 0:
			l.foldKeyless(e, at)
		case e.ev.Op == change.Delete:
			l.remove(e, at)
		default:
			l.merge(e, at)
		}
	}
}

// merge makes a new version unless the row is as it is already.
func (l *lane) merge(e *laneEvent, at int64) {
	var before change.Tuple
	if l.outOfOrder(e, at) {
		l.stale = append(l.stale, e)
		l.confirmCurrent(e)
		return
	}
	for _, r := range e.state.rows {
		if equalRows(l.t.columns, e.row, r.row) && !l.letters.mustBegin(e.ev, r.start) && !e.recreates(r.begin(), at) {
			l.unchanged++
			l.confirmCurrent(e)
			return
		}
		before = r.row
	}
	for _, v := range e.state.versions {
		v := &l.versions[v]
		if equalRows(l.t.columns, e.row, v.row) && !l.letters.mustBegin(e.ev, v.start) && !e.recreates(v.begin(), at) {
			l.unchanged++
			l.confirmCurrent(e)
			return
		}
		before = v.row
	}
	if e.ev.Op == change.Read && l.changedSince(e, at) {
		l.stale = append(l.stale, e)
		l.confirmCurrent(e)
		return
	}
	if e.old != nil {
		before = l.rowBefore(e, at)
	}
	if e.moves != nil {
		before = l.move(e, at)
	}
	row := l.complete(e.row, before)
	from := l.notBefore(e.state, at)
	l.end(e.state, from)
	if from > at {
		l.moved = append(l.moved, int32(len(l.versions)))
	}
	l.begin(e.state, e, from, row)
}

// begin adds a version that is current.
func (l *lane) begin(st *keyState, e *laneEvent, at int64, row change.Tuple) {
	st.versions = append(st.versions, int32(len(l.versions)))
	l.versions = append(l.versions, version{start: at, end: forever, current: true, row: row, from: e, confirmedBy: e.confirming()})
}

// end ends whatever is current for a key.
func (l *lane) end(st *keyState, at int64) {
	if len(st.rows) > 0 || len(st.versions) > 0 {
		st.ended = at
	}
	for _, r := range st.rows {
		l.endRow(r, at)
		l.remember(st, r.begin(), at, r.row)
	}
	for _, v := range st.versions {
		l.endVersion(v, at)
		l.remember(st, l.versions[v].begin(), at, l.versions[v].row)
	}
	st.rows, st.versions = st.rows[:0], st.versions[:0]
}

func (l *lane) endRow(r storedRow, at int64) {
	l.closed = append(l.closed, r.id)
	l.closedStarts = append(l.closedStarts, r.start)
	l.ends = append(l.ends, at)
}

func (l *lane) endVersion(v int32, at int64) {
	l.versions[v].end, l.versions[v].current = at, false
}

// complete replaces values that the source did not send by those of the row
// before, or by NULL where there is none.
func (l *lane) complete(row, before change.Tuple) change.Tuple {
	if !hasUnavailable(row) {
		return row
	}
	out := make(change.Tuple, 0, len(row)+len(before))
	for len(row) > 0 {
		v, n, rest := row.Next()
		row = rest
		var old []byte
		oldN := int32(change.Null)
		if len(before) > 0 {
			old, oldN, before = before.Next()
		}
		if n == change.Unavailable {
			v, n = old, oldN
			if n == change.Null {
				l.missing++
			}
		}
		out = binary.BigEndian.AppendUint32(out, uint32(n))
		out = append(out, v...)
	}
	return slices.Clip(out)
}

func hasUnavailable(row change.Tuple) bool {
	for len(row) > 0 {
		_, n, rest := row.Next()
		if n == change.Unavailable {
			return true
		}
		row = rest
	}
	return false
}
