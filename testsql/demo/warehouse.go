package main

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/jackc/pgx/v5"

	"metadb/cmd/metadb/localpg"
	"metadb/testsql/process"
)

// systemUser is the role that the server works as, with the name that metadb.conf
// has by default.
const systemUser = "mdbadmin"

// warehouse is a PostgreSQL of the demo's own with an empty database.
type warehouse struct {
	pg             *localpg.Server
	systemPassword string
}

// startWarehouse starts PostgreSQL and makes what an administrator makes before
// the first start of Metadb: a role for it and a database of this role.
func startWarehouse(ctx context.Context) (*warehouse, error) {
	pg, err := localpg.Start(ctx, localpg.Options{Settings: map[string]string{"fsync": "off"}})
	if err != nil {
		return nil, err
	}
	w := &warehouse{pg: pg, systemPassword: rand.Text()}
	err = w.asSuperuser(ctx, "postgres",
		"CREATE ROLE "+systemUser+" LOGIN PASSWORD '"+w.systemPassword+"'",
		"CREATE DATABASE "+database+" OWNER "+systemUser,
	)
	if err != nil {
		_ = pg.Close()
		return nil, err
	}
	return w, nil
}

// conf is what the server is told of it.
func (w *warehouse) conf() process.Warehouse {
	conf := process.In(w.pg, database)
	conf.System = process.Role{Name: systemUser, Password: w.systemPassword}
	return conf
}

// addUser makes the user that is shown: it may use Metadb's statements and read
// all tables. The server must have made its role.
func (w *warehouse) addUser(ctx context.Context) error {
	return w.asSuperuser(ctx, database,
		"CREATE ROLE "+userName+" LOGIN PASSWORD '"+password+"'",
		"GRANT metadb_admin, pg_read_all_data TO "+userName,
	)
}

func (w *warehouse) asSuperuser(ctx context.Context, database string, statements ...string) error {
	conn, err := pgx.Connect(ctx, w.pg.URL(database))
	if err != nil {
		return fmt.Errorf("connect to the warehouse: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("set up the warehouse: %w", err)
		}
	}
	return nil
}
