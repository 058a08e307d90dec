package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"metadb/cmd/metadb/localpg"
	"metadb/testsql/broker"
)

// settings are those of a real server of modest size: nothing that a crash could
// lose is switched off.
func settings() map[string]string {
	return map[string]string{
		"fsync":              "on",
		"full_page_writes":   "on",
		"synchronous_commit": "on",
		"shared_buffers":     "512MB",
		"max_wal_size":       "4GB",
		"min_wal_size":       "1GB", // segments are recycled, as on a server that has run for a while
	}
}

// warehouse is the PostgreSQL server of all runs.
type warehouse struct {
	server *localpg.Server
	made   int
}

func startWarehouse(ctx context.Context) (*warehouse, error) {
	server, err := localpg.Start(ctx, localpg.Options{Settings: settings()})
	if err != nil {
		return nil, err
	}
	return &warehouse{server: server}, nil
}

func (w *warehouse) close() error { return w.server.Close() }

// admin runs statements that no transaction may hold.
func (w *warehouse) admin(ctx context.Context, statements ...string) error {
	conn, err := pgx.Connect(ctx, w.server.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// version is the server's.
func (w *warehouse) version(ctx context.Context) (string, error) {
	conn, err := pgx.Connect(ctx, w.server.URL("postgres"))
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	return conn.PgConn().ParameterStatus("server_version"), nil
}

// database is the one of a single run.
type database struct {
	warehouse *warehouse
	name      string
}

// create makes an empty database and a checkpoint, so that no run writes the
// pages of the one before.
func (w *warehouse) create(ctx context.Context) (*database, error) {
	w.made++
	db := &database{warehouse: w, name: fmt.Sprintf("run%d", w.made)}
	return db, w.admin(ctx, "CREATE DATABASE "+db.name, "CHECKPOINT")
}

func (db *database) url() string { return db.warehouse.server.URL(db.name) }

func (db *database) drop(ctx context.Context) error {
	return db.warehouse.admin(ctx, "DROP DATABASE "+db.name+" WITH (FORCE)")
}

// rows counts the current and the ended rows of a main table.
func (db *database) rows(ctx context.Context, table string) (contents, error) {
	conn, err := pgx.Connect(ctx, db.url())
	if err != nil {
		return contents{}, err
	}
	defer func() { _ = conn.Close(ctx) }()
	var c contents
	err = conn.QueryRow(ctx, "SELECT count(*) FILTER (WHERE __current), count(*) FILTER (WHERE NOT __current) FROM "+table).Scan(&c.current, &c.ended)
	if err != nil {
		return contents{}, fmt.Errorf("count rows: %w", err)
	}
	return c, nil
}

// contents is what a run left in the table, its __id apart: rows, and a sum of
// hashes over them all.
type contents struct {
	current, ended int64
	hash           string
}

func (db *database) contents(ctx context.Context) (contents, error) {
	conn, err := pgx.Connect(ctx, db.url())
	if err != nil {
		return contents{}, err
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "SET TimeZone = 'UTC'"); err != nil {
		return contents{}, err
	}
	var c contents
	err = conn.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE __current), count(*) FILTER (WHERE NOT __current),
		       coalesce(sum(hashtextextended(concat_ws('|', __start, __end, __current, __origin, id, title, code, created,
		                                               price, active, token, day, quantity, note), 0)), 0)::text
		FROM bench.item__`).Scan(&c.current, &c.ended, &c.hash)
	if err != nil {
		return contents{}, fmt.Errorf("count rows: %w", err)
	}
	return c, nil
}

// check demands the rows of the load: each key is current once, and every update
// changes its row, so it has ended another.
func (c contents) check(load broker.Load) error {
	if c.current != int64(load.Snapshot) || c.ended != int64(load.Updates) {
		return fmt.Errorf("%d current and %d ended rows, want %d and %d", c.current, c.ended, load.Snapshot, load.Updates)
	}
	return nil
}
