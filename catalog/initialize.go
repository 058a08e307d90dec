package catalog

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/tern/v2/migrate"
)

//go:embed migrations/*.sql
var migrations embed.FS

//go:embed routines/*.sql
var routines embed.FS

// AdminRole is the role whose members may use Metadb's statements.
const AdminRole = "metadb_admin"

// SQLSTATEs that are answers here, or a reason to try again.
const (
	duplicateObject = "42710"
	uniqueViolation = "23505"
	internalError   = "XX000"
)

// Initialize brings the catalog to this program's version over conn, a
// connection of the system user: it makes schema metadb where there is none,
// applies the migrations, and installs the routines and views. It is safe to
// repeat after a crash at any point.
//
// superuser is called only when the schema does not exist yet, to give the
// system user what it needs; afterwards no superuser is used again.
func Initialize(ctx context.Context, conn *pgx.Conn, superuser func(context.Context) (*pgx.Conn, error)) error {
	var exists bool
	err := conn.QueryRow(ctx, "SELECT to_regnamespace('metadb') IS NOT NULL AND to_regrole($1) IS NOT NULL", AdminRole).Scan(&exists)
	if err != nil {
		return fmt.Errorf("look for schema metadb: %w", err)
	}
	if !exists {
		if err := bootstrap(ctx, conn, superuser); err != nil {
			return err
		}
	}
	if err := checkBaseVersion(ctx, conn); err != nil {
		return err
	}
	if err := migrateUp(ctx, conn); err != nil {
		return err
	}
	return install(ctx, conn)
}

// bootstrap does what needs a superuser, then makes the empty schema.
func bootstrap(ctx context.Context, conn *pgx.Conn, superuser func(context.Context) (*pgx.Conn, error)) error {
	super, err := superuser(ctx)
	if err != nil {
		return fmt.Errorf("connect as superuser to initialize the database: %w", err)
	}
	defer super.Close(context.WithoutCancel(ctx))
	user := pgx.Identifier{conn.Config().User}.Sanitize()
	database := pgx.Identifier{conn.Config().Database}.Sanitize()
	statements := []string{
		"ALTER ROLE " + user + " CREATEROLE",
		"REVOKE CREATE ON SCHEMA public FROM PUBLIC",
		"GRANT CREATE, USAGE ON SCHEMA public TO " + user,
		"GRANT CREATE, CONNECT, TEMPORARY ON DATABASE " + database + " TO " + user,
		"CREATE ROLE " + AdminRole + " NOLOGIN",
		"GRANT " + AdminRole + " TO " + user + " WITH ADMIN OPTION",
	}
	for _, sql := range statements {
		if err := execShared(ctx, super, sql); err != nil {
			return fmt.Errorf("initialize database: %w", err)
		}
	}
	if _, err := conn.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS metadb"); err != nil {
		return fmt.Errorf("create schema metadb: %w", err)
	}
	return nil
}

// execShared runs a statement on roles, which all databases of a cluster share: it
// tries again when another database is being initialized at the same moment.
func execShared(ctx context.Context, conn *pgx.Conn, sql string) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		_, err := conn.Exec(ctx, sql)
		switch {
		case err == nil, isSQLState(err, duplicateObject, uniqueViolation):
			return struct{}{}, nil
		case isSQLState(err, internalError): // "tuple concurrently updated"
			return struct{}{}, err
		}
		return struct{}{}, backoff.Permanent(err)
	}, backoff.WithMaxElapsedTime(10*time.Second))
	return err
}

// checkBaseVersion refuses a catalog of another Metadb than 1.4.
func checkBaseVersion(ctx context.Context, conn *pgx.Conn) error {
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT to_regclass('metadb.init') IS NOT NULL").Scan(&exists); err != nil {
		return fmt.Errorf("look for metadb.init: %w", err)
	}
	if !exists {
		return nil
	}
	var version int
	err := conn.QueryRow(ctx, "SELECT dbversion FROM metadb.init").Scan(&version)
	switch {
	case errors.Is(err, pgx.ErrNoRows): // 001 was interrupted before its only commit; it repeats
		return nil
	case err != nil:
		return fmt.Errorf("read metadb.init: %w", err)
	case version < BaseVersion:
		return fmt.Errorf("database incompatible with server: %d != %d (upgrade using \"metadb upgrade\" of Metadb 1.4 first)",
			version, BaseVersion)
	case version > BaseVersion:
		return fmt.Errorf("database incompatible with server: %d != %d", version, BaseVersion)
	}
	return nil
}

func migrateUp(ctx context.Context, conn *pgx.Conn) error {
	m, err := migrate.NewMigrator(ctx, conn, "metadb.schema_version")
	if err != nil {
		return fmt.Errorf("prepare catalog migrations: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("open catalog migrations: %w", err)
	}
	if err := m.LoadMigrations(files); err != nil {
		return fmt.Errorf("load catalog migrations: %w", err)
	}
	if err := m.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate catalog: %w", err)
	}
	return nil
}

// install replaces the routines and views by this program's, all or none.
func install(ctx context.Context, conn *pgx.Conn) error {
	files, err := fs.ReadDir(routines, "routines")
	if err != nil {
		return fmt.Errorf("list routines: %w", err)
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, f := range files {
			sql, err := routines.ReadFile("routines/" + f.Name())
			if err != nil {
				return fmt.Errorf("read routine: %w", err)
			}
			if _, err := tx.Exec(ctx, string(sql)); err != nil {
				return fmt.Errorf("install routine %s: %w", f.Name(), err)
			}
		}
		return nil
	})
}

func isSQLState(err error, states ...string) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	for _, s := range states {
		if pg.Code == s {
			return true
		}
	}
	return false
}
