package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// LogLine is a row of metadb.log, with the columns of Metadb 1.4.
type LogLine struct {
	Time     time.Time
	Severity string // FATAL, ERROR, WARNING or INFO
	Message  string
}

// StoreLog adds lines to metadb.log, whose partitions are years as in 1.4.
func (c *Catalog) StoreLog(ctx context.Context, lines []LogLine) error {
	err := pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '1s'"); err != nil {
			return err
		}
		years := make(map[int]bool)
		rows := make([][]any, len(lines))
		for i, l := range lines {
			at := l.Time.UTC().Truncate(time.Millisecond)
			rows[i] = []any{at, l.Severity, l.Message}
			if !years[at.Year()] {
				years[at.Year()] = true
				if err := ensureLogYear(ctx, tx, at.Year()); err != nil {
					return err
				}
			}
		}
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"metadb", "log"}, []string{"log_time", "error_severity", "message"}, pgx.CopyFromRows(rows))
		return err
	})
	if err != nil {
		return fmt.Errorf("store log lines: %w", err)
	}
	return nil
}

// ensureLogYear makes the partition of a year, beside the table and attached to
// it: readers of the log are not kept waiting.
func ensureLogYear(ctx context.Context, tx pgx.Tx, year int) error {
	name := fmt.Sprintf("zzz___log___%d", year)
	var exists bool
	err := tx.QueryRow(ctx, "SELECT to_regclass('metadb.' || quote_ident($1)) IS NOT NULL", name).Scan(&exists)
	if err != nil || exists {
		return err
	}
	partition := pgx.Identifier{"metadb", name}.Sanitize()
	for _, sql := range []string{
		"CREATE TABLE " + partition + " (LIKE metadb.log)",
		fmt.Sprintf("ALTER TABLE metadb.log ATTACH PARTITION %s FOR VALUES FROM ('%d-01-01 00:00:00+00') TO ('%d-01-01 00:00:00+00')",
			partition, year, year+1),
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// PruneLog removes lines that are older than keep, and returns how many.
func (c *Catalog) PruneLog(ctx context.Context, keep time.Duration) (int64, error) {
	tag, err := c.pool.Exec(ctx, "DELETE FROM metadb.log WHERE log_time < now() - make_interval(secs => $1)", keep.Seconds())
	if err != nil {
		return 0, fmt.Errorf("prune log: %w", err)
	}
	return tag.RowsAffected(), nil
}
