package warehouse

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"metadb/catalog"
	"metadb/change"
)

// Names of the statements that every batch uses.
const (
	stmtSource    = "source"
	stmtFence     = "fence"
	stmtOffsets   = "offsets"
	stmtRuns      = "runs"
	stmtLock      = "lock"
	stmtLedger    = "ledger"
	stmtDeadItems = "dead_letters"
	stmtOvertaken = "overtaken"
	stmtResolve   = "resolve"
	stmtMarks     = "marks"
	stmtCounts    = "counts"
	stmtSnapshot  = "snapshot"
)

// prepareCommon prepares the statements that do not belong to one table.
func (a *Applier) prepareCommon(ctx context.Context) error {
	statements := []struct {
		name, sql string
	}{
		// The source's lock in shared form, then, by a statement of its own that sees
		// what was committed before the lock was given, the comparison: a new
		// generation raises its number under the exclusive form (rule R14).
		{stmtSource, `SELECT pg_advisory_xact_lock_shared($1::integer, $2::integer)`},
		{stmtFence, `
			SELECT s.marks FROM metadb.source_state s
			WHERE s.source = $1::text AND s.stream = $2::integer AND s.generation = $3::integer`},
		// Compare-and-set: it locks the rows, so a zombie waits here and then hits none.
		{stmtOffsets, `
			UPDATE metadb.source_offset o
			SET next = u.next, commit_lsn = u.commit_lsn, lsn = u.lsn, tx_id = u.tx_id, top_lsn = u.top_lsn, ts_ms = u.ts_ms,
			    run = NULL, run_again = NULL, last_sent = NULL
			FROM unnest($4::text[], $5::integer[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[])
			     u(topic, partition, before, next, commit_lsn, lsn, tx_id, top_lsn, ts_ms)
			WHERE o.source = $1::text AND o.stream = $2::integer AND o.epoch = $3::bigint
			  AND o.topic = u.topic AND o.partition = u.partition AND o.next = u.before`},
		{stmtRuns, `
			UPDATE metadb.source_offset SET run = $5::bigint[], run_again = $6::integer, last_sent = $7::bigint
			WHERE source = $1::text AND stream = $2::integer AND topic = $3::text AND partition = $4::integer`},
		{stmtLock, `SELECT pg_advisory_xact_lock_shared($1::integer, $2::integer)`},
		{stmtLedger, `
			INSERT INTO metadb.apply_ledger (table_id, min_id, max_id, closed_ids, bulk)
			VALUES ($1::integer, $2::bigint, $3::bigint, $4::bigint[], $5::boolean)`},
		// A letter that may be a delete or a truncate is a gap, and stays one when it is
		// removed by hand (rule R4).
		{stmtDeadItems, `
			WITH letter AS (
				INSERT INTO metadb.dead_letter (source, topic, partition, "offset", record_time, schema_name, table_name,
				                                record_key, record_value, reason, op, ts_ms, key_hash, next_ts_ms)
				VALUES ($1::text, $2::text, $3::integer, $4::bigint, to_timestamp($5::bigint / 1000.0), $6::text, $7::text,
				        $8::bytea, $9::bytea, $10::text, $11::text, $12::bigint, $13::bytea, $14::bigint)
				RETURNING id
			), gap AS (
				INSERT INTO metadb.source_gap (source, stream, topic, partition, kind, expected, available, letter, detail)
				SELECT $1, $15::integer, $2, $3, '` + catalog.GapDeadLetter + `', $4, $4 + 1, id, $16::text FROM letter WHERE $16 <> ''
			)
			SELECT id FROM letter`},
		{stmtOvertaken, `
			UPDATE metadb.dead_letter d SET next_ts_ms = u.ts FROM unnest($1::bigint[], $2::bigint[]) u(id, ts)
			WHERE d.id = u.id AND d.next_ts_ms IS NULL`},
		{stmtResolve, `
			WITH gap AS (UPDATE metadb.source_gap SET cleared_at = now() WHERE letter = ANY ($1::bigint[]) AND cleared_at IS NULL)
			DELETE FROM metadb.dead_letter WHERE id = ANY ($1::bigint[]) RETURNING next_ts_ms`},
		{stmtMarks, `
			INSERT INTO metadb.sync_mark_batch (table_id, number, ids)
			SELECT t, n, ($1::bigint[])[f:l] FROM unnest($2::integer[], $3::integer[], $4::integer[], $5::integer[]) u(t, n, f, l)`},
		{stmtCounts, `
			INSERT INTO metadb.sync_table AS t (source, table_id, number, snapshot_rows, confirmed, current_change, unconfirmed_change)
			SELECT $1::text, u.* FROM unnest($2::integer[], $3::integer[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) u(t, n, s, m, c, x)
			ON CONFLICT (source, table_id) DO UPDATE SET
				number = coalesce(excluded.number, t.number),
				snapshot_rows = excluded.snapshot_rows + CASE WHEN excluded.number IS DISTINCT FROM t.number AND excluded.number IS NOT NULL THEN 0 ELSE t.snapshot_rows END,
				confirmed = excluded.confirmed + CASE WHEN excluded.number IS DISTINCT FROM t.number AND excluded.number IS NOT NULL THEN 0 ELSE t.confirmed END,
				current_change = t.current_change + excluded.current_change,
				unconfirmed_change = t.unconfirmed_change + excluded.unconfirmed_change`},
		{stmtSnapshot, `
			UPDATE metadb.source_sync SET snapshot_at = clock_timestamp(), complete_at = NULL, complete_by = NULL,
				counts = counts + $2::boolean::integer WHERE source = $1::text`},
	}
	for _, s := range statements {
		if _, err := a.conn.PgConn().Prepare(ctx, s.name, s.sql, nil); err != nil {
			return fmt.Errorf("prepare %s: %w", s.name, err)
		}
	}
	return nil
}

// addFence checks that the run still owns the source.
func (a *Applier) addFence(t *trip) {
	t.add(step{what: "begin", sql: "BEGIN"})
	// A new generation, or a run that is ending, is waited for.
	t.add(step{what: "set patience", sql: "SET LOCAL lock_timeout = 0"})
	t.add(step{
		what: "lock the source", stmt: stmtSource,
		params: [][]byte{int32Bytes(catalog.LockSource), int32Bytes(a.opt.Stream.SourceID)},
	})
	t.add(step{
		what: "compare the generation", stmt: stmtFence,
		params: [][]byte{[]byte(a.source), int32Bytes(a.opt.Stream.Number), int32Bytes(a.opt.Stream.Generation)},
		read:   a.readFence,
	})
}

// readFence compares the row of the fence with what this run goes by.
func (a *Applier) readFence(r *pgconn.ResultReader) error {
	found, marks := false, int16(0)
	for r.NextRow() {
		found, marks = true, int16(binary.BigEndian.Uint16(r.Values()[0]))
	}
	if _, err := r.Close(); err != nil {
		return err
	}
	if !found {
		return ErrFenced
	}
	if marks != a.sync.marks {
		return errMarks
	}
	return nil
}

// fence is addFence for a transaction of its own.
func (a *Applier) fence(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock_shared($1, $2)", catalog.LockSource, a.opt.Stream.SourceID); err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, "SELECT FROM metadb.source_state s WHERE s.source = $1 AND s.stream = $2 AND s.generation = $3",
		a.source, a.opt.Stream.Number, a.opt.Stream.Generation)
	if err == nil && tag.RowsAffected() != 1 {
		err = ErrFenced
	}
	return err
}

// expectRows reads a result and fails with err unless it touched n rows.
func expectRows(n int64, err error) func(*pgconn.ResultReader) error {
	return func(r *pgconn.ResultReader) error {
		tag, closeErr := r.Close()
		if closeErr == nil && tag.RowsAffected() != n {
			return err
		}
		return closeErr
	}
}

// addOffsets moves the positions of the partitions that the batch advances.
func (a *Applier) addOffsets(t *trip, parts []change.Part) {
	topics := newArray(change.Text.OID(), 1024)
	partitions := newArray(change.Int4.OID(), 256)
	before, next := newArray(change.Int8.OID(), 512), newArray(change.Int8.OID(), 512)
	commits, lsns, times := newArray(change.Int8.OID(), 512), newArray(change.Int8.OID(), 512), newArray(change.Int8.OID(), 512)
	txs, tops := newArray(change.Int8.OID(), 512), newArray(change.Int8.OID(), 512)
	for i := range parts {
		p := &parts[i]
		if p.Next == p.From {
			continue
		}
		topics.add([]byte(p.Topic))
		partitions.add(int32Bytes(p.Partition))
		before.addInt64(p.From)
		next.addInt64(p.Next)
		if !p.After.Set {
			for _, a := range []*array{commits, lsns, txs, tops, times} {
				a.add(nil)
			}
			continue
		}
		commits.addInt64(int64(p.After.CommitLSN))
		lsns.addInt64(int64(p.After.LSN))
		txs.addInt64(p.After.TxID)
		tops.addInt64(int64(p.After.TopLSN))
		times.addInt64(p.After.TsMs)
	}
	if topics.n == 0 {
		return
	}
	t.add(step{
		what: "move positions", stmt: stmtOffsets,
		params: [][]byte{
			[]byte(a.source), int32Bytes(a.opt.Stream.Number), int64Bytes(a.opt.Stream.Epoch),
			topics.bytes(), partitions.bytes(), before.bytes(), next.bytes(), commits.bytes(), lsns.bytes(),
			txs.bytes(), tops.bytes(), times.bytes(),
		},
		read: expectRows(int64(topics.n), ErrFenced),
	})
	for i := range parts {
		if p := &parts[i]; p.Next != p.From && len(p.After.Run) > 0 {
			a.addRun(t, p)
		}
	}
}

// addRun stores what a partition's mark knows of events without a key.
func (a *Applier) addRun(t *trip, p *change.Part) {
	hashes := make([]int64, len(p.After.Run))
	for i, h := range p.After.Run {
		hashes[i] = int64(h)
	}
	t.add(step{
		what: "store mark", stmt: stmtRuns,
		params: [][]byte{
			[]byte(a.source), int32Bytes(a.opt.Stream.Number), []byte(p.Topic), int32Bytes(p.Partition),
			int64Array(hashes), int32Bytes(int32(p.After.Again)), int64Bytes(p.After.LastSent),
		},
	})
}
