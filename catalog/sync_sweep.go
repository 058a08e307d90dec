package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// EndInitial leaves the initial mode. Marks of a new stream that nobody has adopted
// stay for a SYNC.
func (c *Catalog) EndInitial(ctx context.Context, source string, st Stream, request int64, detail string) error {
	err := pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		// A client may hold the source's row: nobody waits for it under our locks.
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '2s'"); err != nil {
			return err
		}
		// A SYNC that came since, as one may before an endsync that comes by itself, goes on.
		_, err := tx.Exec(ctx, `
			UPDATE metadb.source SET sync = 0 WHERE name = $1
			AND NOT EXISTS (SELECT FROM metadb.request WHERE source = $1 AND kind = $2 AND finished_at IS NULL)`, source, RequestSync)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE metadb.request SET state = 'done', detail = $2, finished_at = now() WHERE id = $1", request, detail)
		if err != nil {
			return err
		}
		if err := lockGeneration(ctx, tx, source, st); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "SELECT metadb.forget_sync(source) FROM metadb.source_sync WHERE source = $1 AND adopted", source)
		return err
	})
	if err != nil {
		return fmt.Errorf("end initial synchronization of data source %s: %w", source, err)
	}
	return nil
}

// DropUnadopted forgets marks of a new stream for which no SYNC came within keep.
func (c *Catalog) DropUnadopted(ctx context.Context, source string, keep time.Duration) error {
	var id int32
	err := c.pool.QueryRow(ctx, `
		SELECT coalesce((SELECT t.id FROM metadb.source_sync y
			JOIN metadb.source_state t USING (source) JOIN metadb.source s ON s.name = y.source
			WHERE y.source = $1 AND NOT y.adopted AND s.sync <> $3 AND y.begun_at < now() - make_interval(secs => $2)), 0)`,
		source, keep.Seconds(), SyncResync).Scan(&id)
	if err == nil && id != 0 {
		err = pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
			if err := LockSourceExclusive(ctx, tx, id); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `
				SELECT metadb.forget_sync(y.source) FROM metadb.source_sync y JOIN metadb.source s ON s.name = y.source
				WHERE y.source = $1 AND NOT y.adopted AND s.sync <> $2`, source, SyncResync)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("drop marks of data source %s: %w", source, err)
	}
	return nil
}

// sweepFrom is how many more marks than current rows a table may have before those
// are swept whose rows have ended.
const sweepFrom = 100_000

// SweepMarks empties the marks of the source's tables where no synchronization needs
// them, and elsewhere removes those of rows that are no longer current, when they are
// many.
func (c *Catalog) SweepMarks(ctx context.Context, source string) error {
	rows, err := c.pool.Query(ctx, `
		SELECT o.table_id FROM metadb.table_owner o
		JOIN pg_class c ON c.relname = 'sync_mark_' || o.table_id AND c.relnamespace = 'metadb'::regnamespace
		WHERE o.source = $1 AND pg_relation_size(c.oid) > 0
		AND NOT EXISTS (SELECT FROM metadb.source_sync y WHERE y.source = $1)
		GROUP BY o.table_id`, source)
	if err != nil {
		return fmt.Errorf("look for marks to sweep: %w", err)
	}
	idle, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil {
		return fmt.Errorf("look for marks to sweep: %w", err)
	}
	if err := c.sweepForgotten(ctx); err != nil {
		return err
	}
	for _, table := range idle {
		if err := c.emptyMarks(ctx, table); err != nil {
			return fmt.Errorf("empty marks of table %d: %w", table, err)
		}
	}
	rows, err = c.pool.Query(ctx, `
		SELECT t.table_id, format('%I.%I', d.schema_name, d.table_name)
		FROM metadb.sync_table t JOIN metadb.data_table d ON d.id = t.table_id
		JOIN pg_class c ON c.relname = d.table_name AND c.relnamespace = to_regnamespace(quote_ident(d.schema_name))
		WHERE t.source = $1 AND t.confirmed > $2 + 2 * greatest(pg_stat_get_live_tuples(c.oid), c.reltuples, 0)`, source, sweepFrom)
	if err != nil {
		return fmt.Errorf("look for marks to sweep: %w", err)
	}
	var table int32
	var name string
	many := make(map[int32]string)
	_, err = pgx.ForEachRow(rows, []any{&table, &name}, func() error { many[table] = name; return nil })
	if err != nil {
		return fmt.Errorf("look for marks to sweep: %w", err)
	}
	for table, name := range many {
		if err := c.sweepEnded(ctx, source, table, name); err != nil {
			return fmt.Errorf("sweep marks of table %s: %w", name, err)
		}
	}
	return nil
}

// emptyMarks empties the marks of a table unless a source that feeds it synchronizes.
// No source can begin to meanwhile: it would wait for its lock.
func (c *Catalog) emptyMarks(ctx context.Context, table int32) error {
	return pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			SELECT pg_advisory_xact_lock($1, s.id) FROM (
				SELECT DISTINCT s.id FROM metadb.table_owner o JOIN metadb.source_state s USING (source)
				WHERE o.table_id = $2 ORDER BY s.id) s`, LockSource, table)
		if err != nil {
			return err
		}
		var needed bool
		err = tx.QueryRow(ctx, `
			SELECT EXISTS (SELECT FROM metadb.table_owner o JOIN metadb.source_sync y USING (source) WHERE o.table_id = $1)`, table).Scan(&needed)
		if err != nil || needed {
			return err
		}
		_, err = tx.Exec(ctx, fmt.Sprintf("TRUNCATE metadb.sync_mark_%d", table))
		return err
	})
}

// sweepEnded removes the marks of rows that have ended, and repeated ones. A mark is
// written together with its row, so one statement sees both or neither; what is
// marked meanwhile is not seen and stays.
func (c *Catalog) sweepEnded(ctx context.Context, source string, table int32, name string) error {
	_, err := c.pool.Exec(ctx, fmt.Sprintf(`
		DELETE FROM metadb.sync_mark m WHERE m.table_id = $1 AND (NOT EXISTS (SELECT FROM %s c WHERE c.__id = m.id)
		OR EXISTS (SELECT FROM metadb.sync_mark n WHERE n.table_id = $1 AND n.id = m.id AND n.number = m.number
		           AND sign(coalesce(n.lsn, 0)) = sign(coalesce(m.lsn, 0))
		           AND (abs(coalesce(n.lsn, 0)), n.ctid) > (abs(coalesce(m.lsn, 0)), m.ctid)))`, name), table)
	if err != nil {
		return err
	}
	_, err = c.pool.Exec(ctx, fmt.Sprintf(`
		WITH old AS (
			DELETE FROM metadb.sync_mark_batch WHERE table_id = $1 RETURNING number, ids
		), mark AS (
			SELECT DISTINCT m.number, m.id FROM (SELECT number, unnest(ids) AS id FROM old) m
			WHERE EXISTS (SELECT FROM %s c WHERE c.__id = m.id)
		), part AS (
			SELECT m.*, row_number() OVER (PARTITION BY m.number ORDER BY m.id) / $2 AS part FROM mark m)
		INSERT INTO metadb.sync_mark_batch (table_id, number, ids)
		SELECT $1, number, array_agg(id ORDER BY id) FROM part GROUP BY number, part`, name), table, markRowSize)
	if err != nil {
		return err
	}
	_, err = c.pool.Exec(ctx, `
		UPDATE metadb.sync_table SET confirmed = (SELECT count(*) FROM metadb.sync_mark WHERE table_id = $2)
			+ (SELECT coalesce(sum(cardinality(ids)), 0) FROM metadb.sync_mark_batch WHERE table_id = $2)
		WHERE source = $1 AND table_id = $2`, source, table)
	return err
}

// markRowSize is how many marks are swept into one row; a batch makes rows of as
// many at most.
const markRowSize = 3000

// sweepForgotten removes marks of attempts that are forgotten, as all are once a
// synchronization has ended. Numbers are not given twice, so no lock is needed. Which
// there are is found by steps through the index, since this is often asked for.
func (c *Catalog) sweepForgotten(ctx context.Context) error {
	for {
		tag, err := c.pool.Exec(ctx, `
			WITH RECURSIVE n AS (
				SELECT min(m.number) AS number FROM metadb.sync_mark_batch m
				UNION ALL
				SELECT (SELECT min(m.number) FROM metadb.sync_mark_batch m WHERE m.number > n.number) FROM n WHERE n.number IS NOT NULL)
			DELETE FROM metadb.sync_mark_batch b WHERE b.ctid = ANY (ARRAY(
				SELECT m.ctid FROM n JOIN metadb.sync_mark_batch m USING (number)
				WHERE NOT EXISTS (SELECT FROM metadb.sync_attempt a WHERE a.number = n.number) LIMIT 1000))`)
		if err != nil {
			return fmt.Errorf("sweep forgotten marks: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return nil
		}
	}
}
