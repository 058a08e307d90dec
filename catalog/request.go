package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Kinds of requests.
const (
	RequestReplay     = "replay"      // bring back dead letters
	RequestDropTables = "drop_tables" // of a source that was dropped
)

// Request is what a statement asks of a source's worker.
type Request struct {
	ID  int64
	IDs []int64 // of dead letters; nil: all
}

// TakeRequest returns the source's first request of a kind that is not finished,
// and says that it is running; nil when there is none. A request that an earlier
// run has begun is taken again.
func (c *Catalog) TakeRequest(ctx context.Context, source, kind string) (*Request, error) {
	var r Request
	err := c.pool.QueryRow(ctx, `
		UPDATE metadb.request SET state = 'running' WHERE id = (
			SELECT id FROM metadb.request WHERE source = $1 AND kind = $2 AND state IN ('waiting', 'running')
			ORDER BY id LIMIT 1)
		RETURNING id, CASE WHEN arguments ? 'ids' THEN
			ARRAY(SELECT i::bigint FROM jsonb_array_elements_text(arguments -> 'ids') i) END`, source, kind).Scan(&r.ID, &r.IDs)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("take request: %w", err)
	}
	return &r, nil
}

// NoteRequest says how far a running request is, or what it waits for.
func (c *Catalog) NoteRequest(ctx context.Context, id int64, detail string) error {
	_, err := c.pool.Exec(ctx, "UPDATE metadb.request SET detail = $2 WHERE id = $1 AND detail <> $2", id, detail)
	if err != nil {
		return fmt.Errorf("note request: %w", err)
	}
	return nil
}

// FinishRequest says what has come of a request that has not ended.
func (c *Catalog) FinishRequest(ctx context.Context, id int64, failed bool, detail string) error {
	_, err := c.pool.Exec(ctx, `
		UPDATE metadb.request SET state = CASE WHEN $2 THEN 'failed' ELSE 'done' END, detail = $3, finished_at = now()
		WHERE id = $1 AND finished_at IS NULL`, id, failed, detail)
	if err != nil {
		return fmt.Errorf("finish request: %w", err)
	}
	return nil
}
