package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// RequestSignal is the kind of request that asks a source's connector for a snapshot.
const RequestSignal = "signal"

// Signal is such a request.
type Signal struct {
	ID     int64
	From   *int64   // where the topic of signals ended before the first try; nil: not tried yet
	Tables []string // of the source, schema.table; nil: all
}

// NextSignal returns the source's first request for a snapshot that is not finished,
// nil when there is none. It waits until the generation has begun that the snapshot is
// for.
func (c *Catalog) NextSignal(ctx context.Context, source string) (*Signal, error) {
	var s Signal
	err := c.pool.QueryRow(ctx, `
		SELECT r.id, (r.arguments ->> 'from')::bigint,
		       CASE WHEN r.arguments ? 'tables' THEN ARRAY(
		           SELECT DISTINCT t.source_schema || '.' || t.source_table FROM metadb.table_source t
		           JOIN metadb.data_table d ON d.schema_name = t.schema_name AND d.table_name = t.table_name
		           WHERE t.source = $1 AND d.id IN (SELECT i::integer FROM jsonb_array_elements_text(r.arguments -> 'tables') i)
		           ORDER BY 1) END
		FROM metadb.request r
		WHERE r.source = $1 AND r.kind = $2 AND r.state IN ('waiting', 'running')
		AND NOT EXISTS (SELECT FROM metadb.request s WHERE s.source = $1 AND s.kind = $3 AND s.state IN ('waiting', 'running'))
		ORDER BY r.id LIMIT 1`, source, RequestSignal, RequestSync).Scan(&s.ID, &s.From, &s.Tables)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read request for a snapshot: %w", err)
	}
	return &s, nil
}

// TrySignal notes where the topic of signals ends before a signal is sent, so that
// the next run can look whether it was.
func (c *Catalog) TrySignal(ctx context.Context, id, from int64) error {
	_, err := c.pool.Exec(ctx, `
		UPDATE metadb.request SET state = 'running', arguments = arguments || jsonb_build_object('from', $2::bigint)
		WHERE id = $1 AND finished_at IS NULL`, id, from)
	if err != nil {
		return fmt.Errorf("note request for a snapshot: %w", err)
	}
	return nil
}
