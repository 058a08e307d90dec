package warehouse

import (
	"math"
	"slices"

	"metadb/catalog"
	"metadb/change"
)

// tally is what a batch does to a table of a source that synchronizes.
type tally struct {
	marks       []mark
	current     int64 // change of the number of current rows
	unconfirmed int64 // change of that of current rows without a mark
}

// mark says that a row is confirmed. lsn is the highest position that a streamed
// event names, by which its mark outlives a later attempt that it follows; where
// time must tell that (see behind), the latest time in ms at which the event may
// have been committed by the connector's clock, negative; noLSN for records of a snapshot.
type mark struct {
	id     int64
	number int32
	lsn    int64
}

const noLSN = -1

// confirmedRow is a stored row that an event confirms.
type confirmedRow struct {
	id, start int64
	by        *change.Event
}

// confirming is the lane's event if it confirms the row that it writes.
func (e *laneEvent) confirming() *change.Event {
	if e.ev.Confirms == nil {
		return nil
	}
	return e.ev
}

// confirmCurrent confirms what is current for the key of an event.
func (l *lane) confirmCurrent(e *laneEvent) {
	if e.ev.Confirms == nil {
		return
	}
	for _, r := range e.state.rows {
		l.confirmed = append(l.confirmed, confirmedRow{r.id, r.start, e.ev})
	}
	for _, v := range e.state.versions {
		l.versions[v].confirmedBy = e.ev
	}
}

func markOf(id int64, by *change.Event) mark {
	m := mark{id: id, number: by.Confirms.Number, lsn: noLSN}
	switch {
	case by.Op == change.Read:
	case !by.Pos.HasLSN:
	case !by.Pos.HasCommit, max(by.Pos.LSN, by.Pos.CommitLSN) < by.Confirms.LSN:
		m.lsn = -(by.TsMs + clockSkew)
	default:
		m.lsn = int64(max(by.Pos.LSN, by.Pos.CommitLSN))
	}
	return m
}

// tally takes in what a lane has made of its events; ids are those of its versions.
// Whether a row that ends was confirmed is not looked up: one from before the
// snapshot counts as if it was not. So the numbers are estimates between two counts.
func (e *ledgerEntry) tally(l *lane, ids []int64) {
	t := &e.confirmed
	since := int64(math.MaxInt64)
	for i := range l.events {
		if by := l.events[i].ev.Confirms; by != nil && by.SinceMs > 0 {
			since = micros(by.SinceMs)
		}
	}
	for i, v := range l.versions {
		switch {
		case !v.current:
			continue
		case v.confirmedBy == nil:
			t.unconfirmed++
		default:
			t.marks = append(t.marks, markOf(ids[i], v.confirmedBy))
		}
		t.current++
	}
	t.current -= int64(len(l.closed))
	for _, start := range l.closedStarts {
		if start < since {
			t.unconfirmed--
		}
	}
	t.marks = slices.Grow(t.marks, len(l.confirmed))
	for _, r := range l.confirmed {
		t.marks = append(t.marks, markOf(r.id, r.by))
		if r.start < since {
			t.unconfirmed--
		}
	}
}

// ended takes in that n rows were ended without naming them.
func (e *ledgerEntry) ended(n int64) {
	e.bulk = true
	e.confirmed.current -= n
	e.confirmed.unconfirmed -= n
}

// addConfirmed stores the batch's marks and counters in its transaction.
func (a *Applier) addConfirmed(t *trip, ledger map[int32]*ledgerEntry) {
	s := &a.sync
	if !s.on {
		return
	}
	a.addSnapshot(t)
	a.addMarks(t, ledger)
	a.addCounters(t, ledger)
}

// addMarks stores the marks of all tables: those of snapshots as one row for each
// attempt and table, those that are looked up a row each.
func (a *Applier) addMarks(t *trip, ledger map[int32]*ledgerEntry) {
	single, snapshot := new(markArrays), new(markArrays)
	for _, table := range tablesOf(ledger) {
		for _, m := range ledger[table].confirmed.marks {
			if m.lsn != noLSN {
				a.sync.streamed[table] = true
			}
			if m.lsn != noLSN || a.sync.where == catalog.MarksLate || a.sync.prepared[table] {
				single.add(table, m)
			} else {
				snapshot.add(table, m)
			}
		}
	}
	int4s, int8s := change.Int4.ArrayOID(), change.Int8.ArrayOID()
	switch {
	case len(single.ids) == 0:
	case a.sync.where == catalog.MarksLate:
		t.add(step{
			what: "mark rows", oids: []uint32{int8s, int8s, int4s, int4s, change.Text.OID()},
			sql: `INSERT INTO metadb.sync_mark_late (id, table_id, number, lsn, source)
				SELECT i, t, n, nullif(l, -1), $5 FROM unnest($1, $2, $3, $4) u(i, l, t, n)`,
			params: [][]byte{int64Array(single.ids), int64Array(single.lsns), int32Array(single.tables), int32Array(single.numbers), []byte(a.source)},
		})
	default:
		t.add(step{
			what: "mark rows", oids: []uint32{int8s, int8s, int4s, int4s},
			sql: `INSERT INTO metadb.sync_mark (id, table_id, number, lsn)
				SELECT i, t, n, nullif(l, -1) FROM unnest($1, $2, $3, $4) u(i, l, t, n)`,
			params: [][]byte{int64Array(single.ids), int64Array(single.lsns), int32Array(single.tables), int32Array(single.numbers)},
		})
	}
	if len(snapshot.ids) > 0 {
		tables, numbers, from, to := snapshot.runs()
		t.add(step{
			what: "mark rows", stmt: stmtMarks,
			params: [][]byte{int64Array(snapshot.ids), int32Array(tables), int32Array(numbers), int32Array(from), int32Array(to)},
		})
	}
}

// markArrays are marks, column by column.
type markArrays struct {
	ids, lsns       []int64
	tables, numbers []int32
}

func (m *markArrays) add(table int32, mark mark) {
	m.ids, m.lsns = append(m.ids, mark.id), append(m.lsns, mark.lsn)
	m.tables, m.numbers = append(m.tables, table), append(m.numbers, mark.number)
}

// runs are the tables and attempts of successive marks, with the number of the first
// and the last mark of each, from 1.
func (m *markArrays) runs() (tables, numbers, from, to []int32) {
	for i := range m.ids {
		if n := len(to); n > 0 && tables[n-1] == m.tables[i] && numbers[n-1] == m.numbers[i] {
			to[n-1] = int32(i) + 1
			continue
		}
		tables, numbers = append(tables, m.tables[i]), append(numbers, m.numbers[i])
		from, to = append(from, int32(i)+1), append(to, int32(i)+1)
	}
	return tables, numbers, from, to
}
