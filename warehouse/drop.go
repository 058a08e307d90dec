package warehouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"metadb/catalog"
)

// DropOptions are what DropTables is told.
type DropOptions struct {
	Source string // dropped, and without a worker
	Log    *slog.Logger
	// Reached is called with the name of a point of the program where a test may
	// kill it; it may be nil.
	Reached func(point string)
	// Progress is called with what is going on, for people; it may be nil.
	Progress func(detail string)
}

// dropTryFor is how long locks are tried briefly before tries wait their turn.
const dropTryFor = 5 * time.Minute

// doomed is a table that is to be dropped.
type doomed struct {
	ID            *int32 // row of metadb.data_table, nil: it has none
	Schema, Table string
	Main          *string // name of the main table, nil: there is none
	SyncName      *string
}

// DropTables drops the tables of a source that was dropped, each in a short
// transaction of its own with its rows in the catalog: a source may have
// thousands, more than PostgreSQL can lock at once. Locks are tried briefly, and
// again, until every table is dropped. What somebody else has come to depend on or
// to write meanwhile is kept, with the reason. It may be repeated.
func DropTables(ctx context.Context, config *pgx.ConnConfig, opt DropOptions) (dropped int, kept []string, err error) {
	if opt.Reached == nil {
		opt.Reached = func(string) {}
	}
	if opt.Progress == nil {
		opt.Progress = func(string) {}
	}
	conn, err := pgx.ConnectConfig(ctx, config.Copy())
	if err != nil {
		return 0, nil, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	left, err := doomedTables(ctx, conn, opt.Source)
	if err != nil {
		return 0, nil, fmt.Errorf("look for tables of data source %s: %w", opt.Source, err)
	}
	all := len(left)
	began, try, pause := time.Now(), lockTry, lockBackOff()
	for len(left) > 0 {
		var locked []doomed
		for _, t := range left {
			reason, err := dropTable(ctx, conn, t, opt, try)
			var pg *pgconn.PgError
			switch {
			case errors.As(err, &pg) && (pg.Code == "55P03" || pg.Code == "40P01"):
				locked = append(locked, t)
			case err != nil:
				return dropped, kept, fmt.Errorf("drop table %s.%s: %w", t.Schema, t.Table, err)
			case reason != "":
				kept = append(kept, reason)
			default:
				dropped++
			}
		}
		if left = locked; len(left) == 0 {
			break
		}
		opt.Progress(fmt.Sprintf("%d of %d tables dropped; waiting for locks on table %s.%s", dropped, all, left[0].Schema, left[0].Table))
		if time.Since(began) > dropTryFor {
			try = lockTryLast
		}
		select {
		case <-time.After(pause.NextBackOff()):
		case <-ctx.Done():
			return dropped, kept, ctx.Err()
		}
	}
	return dropped, kept, nil
}

func doomedTables(ctx context.Context, conn *pgx.Conn, source string) ([]doomed, error) {
	rows, err := conn.Query(ctx, `
		SELECT t.id, t.schema_name, t.table_name, m.relname::text, d.sync_name
		FROM metadb.source_tables($1) t LEFT JOIN pg_class m ON m.oid = t.main LEFT JOIN metadb.data_table d ON d.id = t.id
		ORDER BY t.schema_name, t.table_name`, source)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[doomed])
}

// dependentObjects is PostgreSQL's refusal to drop what others need.
const dependentObjects = "2BP01"

// dropTable drops one table, or gives the reason to keep it.
func dropTable(ctx context.Context, conn *pgx.Conn, t doomed, opt DropOptions, lockTimeout string) (kept string, err error) {
	name := t.Schema + "." + t.Table
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+lockTimeout+"'"); err != nil {
			return err
		}
		if t.ID != nil {
			if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, $2)", catalog.LockTable, *t.ID); err != nil {
				return err
			}
		}
		var other *string
		err := tx.QueryRow(ctx, "SELECT min(other) FROM metadb.shared_tables($1) WHERE table_name = $2", opt.Source, name).Scan(&other)
		if err != nil {
			return err
		}
		if other != nil {
			kept = fmt.Sprintf("table %s has rows of data source %q too", name, *other)
			return nil
		}
		if t.Main != nil {
			if _, err := tx.Exec(ctx, "DROP TABLE "+quote(t.Schema, *t.Main)); err != nil {
				return err
			}
		}
		if t.SyncName != nil {
			if _, err := tx.Exec(ctx, "DROP TABLE IF EXISTS "+quote(t.Schema, *t.SyncName)); err != nil {
				return err
			}
		}
		opt.Reached("drop.table")
		return forgetTable(ctx, tx, t)
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == dependentObjects {
		return fmt.Sprintf("table %s: %s", name, pg.Detail), nil
	}
	return kept, err
}

// forgetTable removes a table's rows from the catalog: those in every table of
// schema metadb that has a column "table_id", and those that name it.
func forgetTable(ctx context.Context, tx pgx.Tx, t doomed) error {
	if t.ID != nil {
		if _, err := tx.Exec(ctx, "DROP TABLE IF EXISTS "+marksOf(*t.ID)); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'table_id' AND NOT a.attisdropped
			WHERE c.relnamespace = 'metadb'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition`)
		if err != nil {
			return err
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, n := range names {
			if _, err := tx.Exec(ctx, "DELETE FROM "+quote("metadb", n)+" WHERE table_id = $1", *t.ID); err != nil {
				return err
			}
		}
	}
	for _, n := range []string{"data_table", "base_table", "table_source", "table_activity", "table_update", "truncation"} {
		_, err := tx.Exec(ctx, "DELETE FROM "+quote("metadb", n)+" WHERE schema_name = $1 AND table_name = $2", t.Schema, t.Table)
		if err != nil {
			return err
		}
	}
	// What 1.4 would grant again, of both tables.
	_, err := tx.Exec(ctx, `
		DELETE FROM metadb.acl WHERE schema_name = $1 AND object_type = 't' AND object_name IN ($2, $3)`,
		t.Schema, t.Table, mainName(t.Table))
	return err
}
