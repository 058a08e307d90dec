package warehouse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"metadb/catalog"
)

// finish leaves the mode, or, where other tables are still to be ended, only says
// that these are. It clears gaps that a complete snapshot has filled.
func (e *endsync) finish(ctx context.Context) (closed int64, early bool, err error) {
	again := backoff.NewExponentialBackOff()
	again.InitialInterval, again.MaxInterval = 50*time.Millisecond, 2*time.Second
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		closed, early, err = e.tryFinish(ctx)
		var pg *pgconn.PgError
		locked := errors.As(err, &pg) && pg.Code == "55P03"
		if err != nil && !locked {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(again), backoff.WithMaxElapsedTime(0))
	return closed, early, err
}

func (e *endsync) tryFinish(ctx context.Context) (closed int64, early bool, err error) {
	err = pgx.BeginFunc(ctx, e.conn, func(tx pgx.Tx) error {
		// A client may hold the source's row: nobody waits for it under our locks.
		_, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '200ms'")
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "SELECT FROM metadb.source WHERE name = $1 FOR NO KEY UPDATE", e.Source)
		if err != nil {
			return err
		}
		if err := catalog.LockSourceExclusive(ctx, tx, e.id); err != nil {
			return err
		}
		if err := e.demand(ctx, tx); err != nil {
			return err
		}
		var left bool
		err = tx.QueryRow(ctx, `
			WITH ended AS (
				INSERT INTO metadb.sync_table AS t (source, table_id, ended)
				SELECT c.source, c.table_id, true FROM metadb.sync_counts c
				WHERE c.source = $1 AND ($2::integer[] IS NULL OR c.table_id = ANY ($2))
				ON CONFLICT (source, table_id) DO UPDATE SET ended = true RETURNING table_id)
			SELECT EXISTS (SELECT FROM metadb.sync_counts c WHERE c.source = $1 AND NOT c.ended
			               AND c.table_id NOT IN (SELECT table_id FROM ended)) AND $2::integer[] IS NOT NULL`,
			e.Source, e.Request.Tables).Scan(&left)
		if err != nil {
			return err
		}
		if closed, early, err = e.settleGaps(ctx, tx, left); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE metadb.request SET state = 'done', finished_at = now(), done = total, detail = $2 WHERE id = $1",
			e.Request.ID, fmt.Sprintf("%d records marked as deleted", closed))
		if err != nil {
			return err
		}
		if left {
			return e.goOn(ctx, tx)
		}
		// A SYNC that came since, as one may before an endsync that comes by itself, goes on.
		_, err = tx.Exec(ctx, `
			UPDATE metadb.source SET sync = 0 WHERE name = $1
			AND NOT EXISTS (SELECT FROM metadb.request WHERE source = $1 AND kind = $2 AND finished_at IS NULL)`, e.Source, catalog.RequestSync)
		if err != nil {
			return err
		}
		e.Reached("endsync.finish")
		_, err = tx.Exec(ctx, "SELECT metadb.forget_sync($1)", e.Source)
		return err
	})
	return closed, early, err
}

// settleGaps clears the gaps that lie before the snapshot, if it was complete and of
// all tables; if it was not, what was closed too early is a gap itself (rule R4).
func (e *endsync) settleGaps(ctx context.Context, tx pgx.Tx, left bool) (closed int64, early bool, err error) {
	var complete, all bool
	err = tx.QueryRow(ctx, `
		SELECT y.complete_at IS NOT NULL, y.tables IS NULL,
		       coalesce((SELECT sum(t.closed) FROM metadb.sync_table t
		                 WHERE t.source = y.source AND ($2::integer[] IS NULL OR t.table_id = ANY ($2))), 0)
		FROM metadb.source_sync y WHERE y.source = $1`, e.Source, e.Request.Tables).Scan(&complete, &all, &closed)
	if err != nil {
		return 0, false, err
	}
	early = !complete && closed > 0
	switch {
	case early:
		_, err = tx.Exec(ctx, `
			INSERT INTO metadb.source_gap (source, stream, topic, partition, kind, expected, available, detail)
			SELECT $1, s.stream, '', 0, $2, 0, 0, $3 FROM metadb.source_state s WHERE s.source = $1`,
			e.Source, catalog.GapForced, fmt.Sprintf("an endsync closed %d records before the snapshot was known to be complete", closed))
	case complete && all && !left:
		_, err = tx.Exec(ctx, `
			UPDATE metadb.source_gap g SET cleared_at = now()
			WHERE g.source = $1 AND g.cleared_at IS NULL AND g.found_at < coalesce(
				(SELECT min(a.begun_at) FROM metadb.sync_attempt a WHERE a.source = $1 AND a.current AND a.lsn IS NOT NULL),
				(SELECT y.begun_at FROM metadb.source_sync y WHERE y.source = $1))
			AND NOT EXISTS (SELECT FROM metadb.source_gap f WHERE f.source = $1 AND f.cleared_at IS NULL AND f.kind = $2
				AND f.found_at > (SELECT y.begun_at FROM metadb.source_sync y WHERE y.source = $1))`, e.Source, catalog.GapForced)
	}
	return closed, early, err
}

// goOn leaves the tables that are not ended in synchronization.
func (e *endsync) goOn(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, "UPDATE metadb.source_sync SET endsync_at = NULL, checked = false WHERE source = $1", e.Source)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE metadb.source_state SET marks = $2 WHERE source = $1", e.Source, catalog.MarksBulk)
	return err
}
