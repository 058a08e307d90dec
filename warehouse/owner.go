package warehouse

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"metadb/catalog"
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
		if err := a.fence(ctx, tx); err != nil {
			return err
		}
		// Whoever drops the table takes this lock, too, and then looks who owns it.
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock_shared($1, $2)", catalog.LockTable, t.id); err != nil {
			return err
		}
		if err := a.mayOwn(ctx, tx, t, to.Origin, &owner); err != nil || owner != a.source {
			return err
		}
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
		return at(t.tableName, fmt.Errorf("take table %s: %w", t, err))
	}
	if owner != a.source {
		return at(t.tableName, fmt.Errorf("table %s, origin %q, is fed by data source %q: %w", t, to.Origin, owner, ErrOwned))
	}
	a.owned[to] = true
	return nil
}

// ErrDropped says that a table is being dropped, or is gone, with its data source.
var ErrDropped = errors.New("the table is dropped with its data source")

// mayOwn finds who must stay the owner of a table and origin, or that this source
// may be. A table that an earlier Metadb made has no owners recorded, only the
// source that made it: that one owns all origins of which the table has rows.
func (a *Applier) mayOwn(ctx context.Context, tx pgx.Tx, t *table, origin string, owner *string) error {
	var maker string
	var recorded, makerLives, dropping bool
	err := tx.QueryRow(ctx, `
		SELECT b.source_name,
		       EXISTS (SELECT FROM metadb.table_owner o WHERE o.table_id = d.id AND o.origin = $3),
		       EXISTS (SELECT FROM metadb.source s WHERE s.name = b.source_name),
		       EXISTS (SELECT FROM metadb.request r WHERE r.kind = $4 AND r.state IN ('waiting', 'running')
		               AND (r.source = b.source_name OR r.source IN (SELECT o.source FROM metadb.table_owner o WHERE o.table_id = d.id)))
		FROM metadb.data_table d JOIN metadb.base_table b USING (schema_name, table_name)
		WHERE d.id = $1 AND d.schema_name || '.' || d.table_name = $2`,
		t.id, t.String(), origin, catalog.RequestDropTables).Scan(&maker, &recorded, &makerLives, &dropping)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && dropping {
		return ErrDropped
	}
	*owner = a.source
	if err != nil || recorded || !makerLives || maker == a.source {
		return err
	}
	var has bool
	err = tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+t.current()+" WHERE __origin = $1)", origin).Scan(&has)
	if err == nil && has {
		*owner = maker
	}
	return err
}
