package warehouse

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"

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

// marksOf is a table's partition of metadb.sync_mark.
func marksOf(table int32) string { return quote("metadb", fmt.Sprintf("sync_mark_%d", table)) }

func tablesOf(ledger map[int32]*ledgerEntry) []int32 {
	tables := make([]int32, 0, len(ledger))
	for id := range ledger {
		tables = append(tables, id)
	}
	slices.Sort(tables)
	return tables
}

// addCounters moves the counters of the batch's tables.
func (a *Applier) addCounters(t *trip, ledger map[int32]*ledgerEntry) {
	rows := make(map[int32]*snapshotRows)
	for to, r := range a.sync.batch.rows {
		table := a.tables[tableName{to.Schema, to.Table}]
		if table == nil {
			continue
		}
		if known := rows[table.id]; known != nil && known.attempt == r.attempt { // another origin
			known.n += r.n
			continue
		}
		rows[table.id] = &snapshotRows{n: r.n, attempt: r.attempt}
	}
	for id := range rows {
		entryOf(ledger, id)
	}
	tables, numbers := newArray(change.Int4.OID(), 64), newArray(change.Int4.OID(), 64)
	var seen, marks, current, unconfirmed []int64
	for _, id := range tablesOf(ledger) {
		c := &ledger[id].confirmed
		var n int64
		var number []byte
		if r := rows[id]; r != nil {
			n, number = r.n, int32Bytes(r.attempt.Number)
		}
		if n == 0 && len(c.marks) == 0 && c.current == 0 && c.unconfirmed == 0 {
			continue
		}
		tables.add(int32Bytes(id))
		numbers.add(number)
		seen, marks = append(seen, n), append(marks, int64(len(c.marks)))
		current, unconfirmed = append(current, c.current), append(unconfirmed, c.unconfirmed)
	}
	if len(seen) == 0 {
		return
	}
	t.add(step{
		what: "count rows", stmt: stmtCounts,
		params: [][]byte{
			[]byte(a.source), tables.bytes(), numbers.bytes(), int64Array(seen), int64Array(marks), int64Array(current), int64Array(unconfirmed),
		},
	})
}

// addAttempts stores the attempts that the batch begins, before it looks for marks: those
// of attempts that they replace count no longer.
func (a *Applier) addAttempts(t *trip) {
	s := &a.sync
	text, int4, int8 := change.Text.OID(), change.Int4.OID(), change.Int8.OID()
	for _, at := range s.batch.replaced {
		t.add(step{
			what: "replace attempt", sql: "UPDATE metadb.sync_attempt SET current = false WHERE number = $1",
			oids: []uint32{int4}, params: [][]byte{int32Bytes(at.Number)},
		})
	}
	for _, at := range s.batch.begun {
		var lsn, ts []byte
		if at.known {
			lsn, ts = int64Bytes(int64(at.LSN)), int64Bytes(at.SinceMs)
		}
		t.add(step{
			what: "begin attempt",
			sql: `INSERT INTO metadb.sync_attempt (number, source, generation, connector, lsn, ts_ms, current)
				VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			oids: []uint32{int4, text, int4, text, int8, int8, change.Bool.OID()},
			params: [][]byte{
				int32Bytes(at.Number), []byte(a.source), int32Bytes(s.generation), []byte(at.connector), lsn, ts, {boolByte(!at.replaced)},
			},
		})
	}
}

// addSnapshot stores what else the batch has seen of snapshots.
func (a *Applier) addSnapshot(t *trip) {
	s := &a.sync
	text, int4 := change.Text.OID(), change.Int4.OID()
	if s.batch.restart {
		t.add(step{
			what: "void counters", oids: []uint32{text}, params: [][]byte{[]byte(a.source)},
			sql: "UPDATE metadb.sync_table SET current_base = NULL, unconfirmed_base = NULL WHERE source = $1",
		})
	}
	if s.marks != s.where {
		t.add(step{
			what: "begin to mark", sql: "UPDATE metadb.source_state SET marks = $2 WHERE source = $1",
			oids: []uint32{text, change.Int2.OID()}, params: [][]byte{[]byte(a.source), {0, byte(s.where)}},
		})
	}
	for _, at := range s.batch.last {
		t.add(step{
			what: "note last record", sql: "UPDATE metadb.sync_attempt SET last_at = clock_timestamp() WHERE number = $1",
			oids: []uint32{int4}, params: [][]byte{int32Bytes(at.Number)},
		})
	}
	if s.batch.restart || len(s.batch.rows) > 0 {
		t.add(step{
			what: "note snapshot", stmt: stmtSnapshot, params: [][]byte{[]byte(a.source), {boolByte(s.batch.restart)}},
		})
	}
}

// prepareMarks makes the partitions of metadb.sync_mark that the batch needs, each in a
// short transaction of its own: for tables without a key, and for those with rows that
// streamed events confirm.
func (a *Applier) prepareMarks(ctx context.Context, b *change.Batch) error {
	s := &a.sync
	if s.where != catalog.MarksBulk {
		return nil
	}
	var last *change.Target
	streamed := false
	for i := range b.Events {
		ev := &b.Events[i]
		if ev.Confirms == nil || ev.Target == last && (streamed || ev.Op == change.Read) {
			continue
		}
		last, streamed = ev.Target, ev.Op != change.Read
		if err := a.prepareMark(ctx, last, streamed); err != nil {
			return err
		}
	}
	for i := range b.Dead {
		if ev := &b.Dead[i].Event; ev.Confirms != nil && ev.Target != nil {
			if err := a.prepareMark(ctx, ev.Target, ev.Op != change.Read); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *Applier) prepareMark(ctx context.Context, to *change.Target, streamed bool) error {
	t := a.tables[tableName{to.Schema, to.Table}]
	if t == nil || len(t.key) > 0 && !streamed {
		return nil
	}
	if _, ok := a.sync.prepared[t.id]; ok {
		return nil
	}
	a.opt.Reached("marks.before")
	name := marksOf(t.id)
	err := pgx.BeginFunc(ctx, a.conn, func(tx pgx.Tx) error {
		// Another source may feed the same table, with another origin.
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, 0)", catalog.LockTable); err != nil {
			return err
		}
		var there bool
		if err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", name).Scan(&there); err != nil || there {
			return err
		}
		statements := []string{
			"CREATE TABLE " + name + " (LIKE metadb.sync_mark)",
			fmt.Sprintf("ALTER TABLE metadb.sync_mark ATTACH PARTITION %s FOR VALUES IN (%d)", name, t.id),
			"CREATE INDEX ON " + name + " (id)", // see fetchMarked, fetchLater
		}
		for _, sql := range statements {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("prepare marks of table %s: %w", t, err)
	}
	a.opt.Reached("marks.after")
	a.sync.prepared[t.id] = len(t.key) == 0
	return nil
}
