package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// DefaultDeadLetterLimit is how many dead letters a source may have.
const DefaultDeadLetterLimit = 10_000

// DeadLetter is a stored record that could not be applied.
type DeadLetter struct {
	ID         int64
	Topic      string
	Partition  int32
	Offset     int64
	RecordTime time.Time
	Key, Value []byte // nil for null
}

// CountDeadLetters is how many dead letters a source has.
func (c *Catalog) CountDeadLetters(ctx context.Context, source string) (int64, error) {
	var n int64
	err := c.pool.QueryRow(ctx, "SELECT count(*) FROM metadb.dead_letter WHERE source = $1", source).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count dead letters: %w", err)
	}
	return n, nil
}

// LastDeadLetter is the highest id of a source's dead letters, 0 if it has none.
func (c *Catalog) LastDeadLetter(ctx context.Context, source string) (int64, error) {
	var id int64
	err := c.pool.QueryRow(ctx, "SELECT coalesce(max(id), 0) FROM metadb.dead_letter WHERE source = $1", source).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("find last dead letter: %w", err)
	}
	return id, nil
}

// DeadLetters returns a source's next dead letters in order of id, above after
// and up to last, at most limit of them; of the given ids only, unless ids is nil.
func (c *Catalog) DeadLetters(ctx context.Context, source string, ids []int64, after, last int64, limit int) ([]DeadLetter, error) {
	rows, err := c.pool.Query(ctx, `
		SELECT id, topic, partition, "offset", coalesce(record_time, recorded_at), record_key, record_value
		FROM metadb.dead_letter
		WHERE source = $1 AND id > $2 AND id <= $3 AND ($4::bigint[] IS NULL OR id = ANY ($4))
		ORDER BY id LIMIT $5`, source, after, last, ids, limit)
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	letters, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DeadLetter])
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	return letters, nil
}

// KeepDeadLetter stores the reason for which a letter could not be brought back.
func (c *Catalog) KeepDeadLetter(ctx context.Context, id int64, reason string) error {
	_, err := c.pool.Exec(ctx, "UPDATE metadb.dead_letter SET reason = $2 WHERE id = $1", id, reason)
	if err != nil {
		return fmt.Errorf("keep dead letter: %w", err)
	}
	return nil
}

// DropDeadLetter removes a letter that holds nothing to apply, and the gap that it
// was taken for.
func (c *Catalog) DropDeadLetter(ctx context.Context, id int64) error {
	_, err := c.pool.Exec(ctx, `
		WITH gap AS (UPDATE metadb.source_gap SET cleared_at = now() WHERE letter = $1 AND cleared_at IS NULL)
		DELETE FROM metadb.dead_letter WHERE id = $1`, id)
	if err != nil {
		return fmt.Errorf("drop dead letter: %w", err)
	}
	return nil
}
