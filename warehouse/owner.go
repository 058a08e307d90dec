package warehouse

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"metadb/change"
)

// ErrOwned says that a table is fed by another data source (rule R22).
var ErrOwned = errors.New("the table belongs to another data source")

// own makes this source the owner of the event's table for its origin, once in a
// run. A table whose source was dropped is taken over; one that another source
// feeds is refused, by name: two streams in one table would end each other's rows.
func (a *Applier) own(ctx context.Context, t *table, to *change.Target) error {
	if a.owned[to] {
		return nil
	}
	var owner string
	a.opt.Reached("own.before")
	err := pgx.BeginFunc(ctx, a.conn, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			INSERT INTO metadb.table_owner AS o (table_id, origin, source) VALUES ($1, $2, $3)
			ON CONFLICT (table_id, origin) DO UPDATE
			SET source = CASE WHEN EXISTS (SELECT FROM metadb.source s WHERE s.name = o.source) THEN o.source ELSE excluded.source END
			RETURNING source`, t.id, to.Origin, a.source).Scan(&owner)
		if err != nil || owner != a.source {
			return err
		}
		_, err = tx.Exec(ctx, `
			UPDATE metadb.base_table b SET source_name = $3
			WHERE schema_name = $1 AND table_name = $2 AND source_name <> $3
			AND NOT EXISTS (SELECT FROM metadb.source s WHERE s.name = b.source_name)`, t.schema, t.table, a.source)
		return err
	})
	a.opt.Reached("own.after")
	if err != nil {
		return fmt.Errorf("take table %s: %w", t, err)
	}
	if owner != a.source {
		return fmt.Errorf("table %s, origin %q, is fed by data source %q: %w", t, to.Origin, owner, ErrOwned)
	}
	a.owned[to] = true
	return nil
}
