package catalog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// DroppedSources are the names of data sources that were dropped with their
// tables and whose tables are not all gone yet.
func (c *Catalog) DroppedSources(ctx context.Context) ([]string, error) {
	rows, err := c.pool.Query(ctx, `
		SELECT DISTINCT source FROM metadb.request WHERE kind = $1 AND state IN ('waiting', 'running') ORDER BY source`,
		RequestDropTables)
	if err != nil {
		return nil, fmt.Errorf("read dropped data sources: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read dropped data sources: %w", err)
	}
	return names, nil
}

// kept are the tables of schema metadb in which rows of a source outlive its
// tables; all others with a column "source" are about what was in the tables.
var kept = []string{"request", "table_owner", "source_state", "table_activity", "table_source"}

// ForgetStream removes what is known of a dropped source's events: positions,
// gaps, dead letters, marks. Created again, the source reads everything from the
// beginning. Whatever a run of the source still has in its hands cannot commit
// any more.
func (c *Catalog) ForgetStream(ctx context.Context, source string) error {
	err := pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '10s'"); err != nil {
			return err
		}
		// The source's lock waits for a batch under way, and ends later ones.
		_, err := tx.Exec(ctx, `
			INSERT INTO metadb.source_state (source) VALUES ($1) ON CONFLICT DO NOTHING`, source)
		if err != nil {
			return err
		}
		var stream, generation int32
		err = tx.QueryRow(ctx, `
			SELECT stream, generation FROM metadb.source_state, pg_advisory_xact_lock($2, id) WHERE source = $1`,
			source, LockSource).Scan(&stream, &generation)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'source' AND NOT a.attisdropped
			WHERE c.relnamespace = 'metadb'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
			AND c.relname <> ALL ($1)`, kept)
		if err != nil {
			return err
		}
		tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, t := range append(tables, "source_state") {
			if _, err := tx.Exec(ctx, "DELETE FROM "+pgx.Identifier{"metadb", t}.Sanitize()+" WHERE source = $1", source); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO metadb.source_state (source, stream, generation, from_start) VALUES ($1, $2, $3, true)`,
			source, stream+1, generation)
		return err
	})
	if err != nil {
		return fmt.Errorf("forget stream of data source %s: %w", source, err)
	}
	return nil
}

// Touch raises the catalog's version and so makes the server look at it.
func (c *Catalog) Touch(ctx context.Context) error {
	if _, err := c.pool.Exec(ctx, "CALL metadb.touch()"); err != nil {
		return fmt.Errorf("touch catalog: %w", err)
	}
	return nil
}
