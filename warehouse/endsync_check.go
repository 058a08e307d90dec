package warehouse

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"metadb/catalog"
)

// check finds the rows to close in all tables and lets the guard look at their exact
// numbers. It returns why the endsync may not go on; "" when it may.
func (e *endsync) check(ctx context.Context, tables []synced) (refused string, err error) {
	if _, err := e.conn.Exec(ctx, "DELETE FROM metadb.sync_gone WHERE source = $1", e.Source); err != nil {
		return "", err
	}
	for i, t := range tables {
		if err := e.progress(ctx, int64(i), int64(len(tables)), "safety check of table "+t.String()); err != nil {
			return "", err
		}
		if err := e.collect(ctx, t); err != nil {
			return "", fmt.Errorf("check table %s: %w", t, err)
		}
		e.Reached("endsync.collected")
	}
	err = e.conn.QueryRow(ctx, `
		SELECT coalesce(metadb.unresolved_letters($1, $2), CASE WHEN NOT $4 THEN metadb.endsync_refusal($1, $2, $3, $5::double precision::numeric) END, '')`,
		e.Source, e.Request.Tables, e.Request.Forced, e.Request.ForceAll, e.Request.MaxUnconfirmed).Scan(&refused)
	if err != nil {
		return "", err
	}
	if refused != "" {
		return refused, e.refuse(ctx, refused)
	}
	return "", e.exclusive(ctx, func(tx pgx.Tx) error {
		if err := e.demand(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE metadb.source_sync SET checked = true WHERE source = $1", e.Source)
		return err
	})
}

// collect stores the ids of a table's rows to close, and its exact numbers. What the
// counters say of later changes is read by the statement that counts.
func (e *endsync) collect(ctx context.Context, t synced) error {
	var current, unconfirmed string
	err := e.conn.QueryRow(ctx, "SELECT metadb.current_sql($1, $2), metadb.unconfirmed_sql($1, $2)", e.Source, t.id).Scan(&current, &unconfirmed)
	if err != nil {
		return err
	}
	_, err = e.conn.Exec(ctx, `
		WITH gone AS (
			INSERT INTO metadb.sync_gone (table_id, id, source) SELECT $2, c.__id, $1 `+unconfirmed+` RETURNING 1
		), n AS (
			SELECT (SELECT count(*) `+current+`) AS current, (SELECT count(*) FROM gone) AS unconfirmed,
			       coalesce(max(t.current_change), 0) AS current_change, coalesce(max(t.unconfirmed_change), 0) AS unconfirmed_change
			FROM metadb.sync_table t WHERE t.source = $1 AND t.table_id = $2)
		INSERT INTO metadb.sync_table AS t (source, table_id, current_base, unconfirmed_base, to_close)
		SELECT $1, $2, n.current - n.current_change, n.unconfirmed - n.unconfirmed_change, n.unconfirmed FROM n
		ON CONFLICT (source, table_id) DO UPDATE
		SET current_base = excluded.current_base, unconfirmed_base = excluded.unconfirmed_base, to_close = excluded.to_close`,
		e.Source, t.id)
	return err
}

// refuse leaves the source in synchronization, as it was.
func (e *endsync) refuse(ctx context.Context, why string) error {
	return e.exclusive(ctx, func(tx pgx.Tx) error {
		if err := e.demand(ctx, tx); err != nil {
			return err
		}
		if err := e.goOn(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM metadb.sync_gone WHERE source = $1", e.Source); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE metadb.sync_table SET to_close = NULL WHERE source = $1", e.Source); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE metadb.request SET state = 'failed', finished_at = now(), detail = $2 WHERE id = $1",
			e.Request.ID, "nothing was closed: "+why)
		return err
	})
}

// close closes the rows that check has found, chunk by chunk. Each chunk has the
// table's lock before it looks (rule R16): a batch that confirms one of its rows has
// either committed its mark, or comes later and finds the row ended.
func (e *endsync) close(ctx context.Context, t synced) error {
	children, err := e.children(ctx, t)
	if err != nil {
		return err
	}
	main := quote(t.schema, mainName(t.table))
	for {
		var more bool
		var closed int
		err := pgx.BeginFunc(ctx, e.conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, $2)", catalog.LockTable, t.id); err != nil {
				return err
			}
			e.Reached("endsync.locked")
			if err := e.demand(ctx, tx); err != nil {
				return err
			}
			var ids []int64
			err := tx.QueryRow(ctx, `
				WITH chunk AS (
					SELECT g.id FROM metadb.sync_gone g WHERE g.table_id = $1 AND g.source = $2 ORDER BY g.id LIMIT $3
				), done AS (
					DELETE FROM metadb.sync_gone g USING chunk WHERE g.table_id = $1 AND g.id = chunk.id)
				SELECT array_agg(id) FROM chunk`, t.id, e.Source, chunkRows).Scan(&ids)
			if err != nil {
				return err
			}
			if more = len(ids) == chunkRows; len(ids) == 0 {
				return nil
			}
			rows, err := tx.Query(ctx, `
				UPDATE `+main+` h SET __end = greatest($2::timestamptz, h.__start), __current = false
				WHERE h.__current AND h.__id = ANY ($1)
				AND NOT EXISTS (SELECT FROM metadb.sync_mark_late l WHERE l.table_id = $3 AND l.id = h.__id)
				RETURNING h.__id`, ids, e.at, t.id)
			if err != nil {
				return err
			}
			gone, err := pgx.CollectRows(rows, pgx.RowTo[int64])
			if err != nil {
				return err
			}
			closed = len(gone)
			e.Reached("endsync.chunk")
			if err := e.note(ctx, tx, t.id, gone); err != nil {
				return err
			}
			for _, child := range children {
				if err := e.closeChildren(ctx, tx, t, child, gone); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		e.closed += int64(closed)
		e.Reached("endsync.committed")
		if !more {
			return nil
		}
	}
}

// note writes the ledger and the counters of a chunk.
func (e *endsync) note(ctx context.Context, tx pgx.Tx, table int32, closed []int64) error {
	if len(closed) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, "INSERT INTO metadb.apply_ledger (table_id, closed_ids) VALUES ($1, $2)", table, closed)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO metadb.sync_table AS t (source, table_id, closed, current_change, unconfirmed_change) VALUES ($1, $2, $3::bigint, -$3::bigint, -$3::bigint)
		ON CONFLICT (source, table_id) DO UPDATE SET closed = t.closed + excluded.closed,
			current_change = t.current_change + excluded.current_change, unconfirmed_change = t.unconfirmed_change + excluded.unconfirmed_change`,
		e.Source, table, len(closed))
	return err
}
