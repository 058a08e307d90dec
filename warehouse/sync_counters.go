package warehouse

import (
	"slices"

	"metadb/change"
)

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
