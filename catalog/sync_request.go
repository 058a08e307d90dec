package catalog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// SyncRequest is what a statement asks about a synchronization.
type SyncRequest struct {
	ID   int64
	Kind string
	// Generation is the synchronization that an endsync is to end; nil: none had begun,
	// as an initial one may not have when its end is asked for.
	Generation *int32
	Tables     []int32 // nil: all
	Forced     []int32 // the guard does not look at these
	ForceAll   bool    // nor at any
	// MaxUnconfirmed is how many percent of a table, and of the source, the guard lets
	// be closed; nil: its own.
	MaxUnconfirmed *float64
}

// SyncRequests are those of a source that are not finished, in their order.
func (c *Catalog) SyncRequests(ctx context.Context, source string) ([]SyncRequest, error) {
	rows, err := c.pool.Query(ctx, `
		SELECT id, kind, (arguments ->> 'generation')::integer,
		       CASE WHEN arguments ? 'tables' THEN ARRAY(SELECT i::integer FROM jsonb_array_elements_text(arguments -> 'tables') i) END,
		       ARRAY(SELECT i::integer FROM jsonb_array_elements_text(coalesce(arguments -> 'forced', '[]')) i),
		       coalesce((arguments ->> 'force_all')::boolean, false), (arguments ->> 'max_unconfirmed')::double precision
		FROM metadb.request
		WHERE source = $1 AND kind = ANY ($2) AND state IN ('waiting', 'running') ORDER BY id`,
		source, []string{RequestSync, RequestEndsync, RequestCancelSync})
	if err != nil {
		return nil, fmt.Errorf("read requests: %w", err)
	}
	requests, err := pgx.CollectRows(rows, pgx.RowToStructByPos[SyncRequest])
	if err != nil {
		return nil, fmt.Errorf("read requests: %w", err)
	}
	return requests, nil
}

// ProgressRequest says that a request is running, and how far it is.
func (c *Catalog) ProgressRequest(ctx context.Context, id, done, total int64, detail string) error {
	_, err := c.pool.Exec(ctx, `
		UPDATE metadb.request SET state = 'running', done = $2, total = $3, detail = $4 WHERE id = $1 AND finished_at IS NULL`,
		id, done, total, detail)
	if err != nil {
		return fmt.Errorf("store progress of request: %w", err)
	}
	return nil
}
