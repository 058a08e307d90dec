package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Snapshot is how far the snapshot of a synchronizing source is.
type Snapshot struct {
	Generation int32
	Mode       int16
	SeenAt     *time.Time // the last record of a snapshot was applied; nil: none yet
	CompleteAt *time.Time
	AllLast    bool          // the last record of every connector's present attempt was seen
	Quiet      time.Duration // time since the last record of a snapshot, or its mark
	Connectors []string      // whose events were applied
	Open       []string      // of these, whose present attempt has not had its last record
}

// Snapshot reads it; nil when the source does not synchronize, or ends it.
func (c *Catalog) Snapshot(ctx context.Context, source string) (*Snapshot, error) {
	var s Snapshot
	var quiet float64
	err := c.pool.QueryRow(ctx, `
		SELECT y.generation, s.sync, y.snapshot_at, y.complete_at, coalesce(a.all_last, false),
		       coalesce(extract(epoch FROM clock_timestamp() - greatest(y.snapshot_at, a.last_at)), 0)::double precision,
		       coalesce(a.connectors, '{}'), coalesce(a.open, '{}')
		FROM metadb.source_sync y
		JOIN metadb.source s ON s.name = y.source
		CROSS JOIN LATERAL (
			SELECT bool_and(a.last_at IS NOT NULL) FILTER (WHERE a.lsn IS NOT NULL) AS all_last, max(a.last_at) AS last_at,
			       array_agg(a.connector) AS connectors, array_agg(a.connector) FILTER (WHERE a.lsn IS NOT NULL AND a.last_at IS NULL) AS open
			FROM metadb.sync_attempt a WHERE a.source = y.source AND a.generation = y.generation AND a.current) a
		WHERE y.source = $1 AND s.sync <> 0 AND y.endsync_at IS NULL`, source).
		Scan(&s.Generation, &s.Mode, &s.SeenAt, &s.CompleteAt, &s.AllLast, &quiet, &s.Connectors, &s.Open)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read snapshot of data source %s: %w", source, err)
	}
	s.Quiet = time.Duration(quiet * float64(time.Second))
	return &s, nil
}

// How a snapshot is known to be complete.
const (
	CompleteByMarks        = "marks"        // the connector's last record said so, and all of it is applied
	CompleteByNotification = "notification" // the same, by a notification
	CompleteByDeadline     = "deadline"     // nothing came for long
)

// CompleteSnapshot says that the snapshot is complete, unless a record of it was
// applied since s was read. With auto it asks for the endsync, too.
func (c *Catalog) CompleteSnapshot(ctx context.Context, source string, s Snapshot, by string, auto bool) (bool, error) {
	done := false
	err := pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE metadb.source_sync SET complete_at = now(), complete_by = $4, counts = counts + 1
			WHERE source = $1 AND generation = $2 AND complete_at IS NULL AND snapshot_at IS NOT DISTINCT FROM $3`,
			source, s.Generation, s.SeenAt, by)
		if done = err == nil && tag.RowsAffected() == 1; !done || !auto {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO metadb.request (kind, source, arguments)
			SELECT $2, $1, jsonb_build_object('auto', true, 'generation', $3::integer) WHERE NOT EXISTS (
				SELECT FROM metadb.request WHERE source = $1 AND kind = $2 AND finished_at IS NULL)`, source, RequestEndsync, s.Generation)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("complete snapshot of data source %s: %w", source, err)
	}
	return done, nil
}

// CountSync counts one table of the source for which a count is wanted, exactly. It
// returns false when there is none.
func (c *Catalog) CountSync(ctx context.Context, source string) (bool, error) {
	var table, wanted, generation int32
	var current, unconfirmed string
	err := c.pool.QueryRow(ctx, `
		SELECT c.table_id, y.counts, y.generation, metadb.current_sql($1, c.table_id), metadb.unconfirmed_sql($1, c.table_id)
		FROM metadb.sync_counts c
		JOIN metadb.source_sync y ON y.source = c.source
		JOIN metadb.source s ON s.name = c.source
		LEFT JOIN metadb.sync_table t ON t.source = c.source AND t.table_id = c.table_id
		WHERE c.source = $1 AND s.sync = 2 AND y.adopted AND y.endsync_at IS NULL AND NOT c.ended
		AND coalesce(t.counted, 0) < y.counts ORDER BY c.table_id LIMIT 1`, source).Scan(&table, &wanted, &generation, &current, &unconfirmed)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for tables to count: %w", err)
	}
	// The changes are read by the statement that counts, so that both are of one moment.
	_, err = c.pool.Exec(ctx, `
		WITH n AS (
			SELECT (SELECT count(*) `+current+`) AS current, (SELECT count(*) `+unconfirmed+`) AS unconfirmed,
			       coalesce(max(t.current_change), 0) AS current_change, coalesce(max(t.unconfirmed_change), 0) AS unconfirmed_change
			FROM metadb.sync_table t WHERE t.source = $1 AND t.table_id = $2)
		INSERT INTO metadb.sync_table AS t (source, table_id, current_base, unconfirmed_base, counted)
		SELECT $1, $2, n.current - n.current_change, n.unconfirmed - n.unconfirmed_change, $3 FROM n
		WHERE EXISTS (SELECT FROM metadb.source_sync y WHERE y.source = $1 AND y.generation = $4)
		ON CONFLICT (source, table_id) DO UPDATE
		SET current_base = excluded.current_base, unconfirmed_base = excluded.unconfirmed_base, counted = excluded.counted`,
		source, table, wanted, generation)
	if err != nil {
		return false, fmt.Errorf("count table %d: %w", table, err)
	}
	return true, nil
}

// NoticesFrom is where the connector's topic of notifications ended when the
// synchronization began, by partition; nil when none has begun by a SYNC, or the source
// had no such topic.
func (c *Catalog) NoticesFrom(ctx context.Context, source string) (map[int32]int64, error) {
	var from map[int32]int64
	err := c.pool.QueryRow(ctx, "SELECT notices_from FROM metadb.source_sync WHERE source = $1 AND adopted", source).Scan(&from)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("read position of notifications of data source %s: %w", source, err)
	}
	return from, nil
}
