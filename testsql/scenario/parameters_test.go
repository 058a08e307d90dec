package scenario

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"metadb/testsql/instance"
	"metadb/testsql/pgtest"
)

// TestParametersInOptions gives options' values as parameters of the extended
// protocol, as migration tools do with what stands in their environment.
func TestParametersInOptions(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	server := instance.New(t, instance.Warehouse{Host: db.Host, Port: db.Port, Database: db.Name, User: db.User, Password: db.Password})
	server.Start()
	conn := server.Dial()
	const quoted = `a'b\c, $1 "d"`
	run := func(sql string, args ...any) {
		t.Helper()
		tag, err := conn.Exec(t.Context(), sql, args...)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if want := sql[:len(tag.String())]; tag.String() != want {
			t.Errorf("%s: tag %s", sql, tag)
		}
	}
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec} {
		run("CREATE DATA SOURCE s TYPE kafka OPTIONS (brokers $1, topics 'x', consumer_group $2, module $3)", mode, "127.0.0.1:1", quoted, nil)
		run("ALTER DATA SOURCE s OPTIONS (SET topics $1, ADD module $2)", mode, quoted, "m")
		var brokers, topics, group, module string
		err := conn.QueryRow(t.Context(), "SELECT brokers, topics, consumer_group, module FROM metadb.data_sources").
			Scan(&brokers, &topics, &group, &module)
		if err != nil || brokers != "127.0.0.1:1" || topics != quoted || group != quoted || module != "m" {
			t.Errorf("stored %q %q %q %q, %v", brokers, topics, group, module, err)
		}
		run("DROP DATA SOURCE s")
	}
	_, err := conn.Exec(t.Context(), "CREATE DATA SOURCE s TYPE kafka OPTIONS (on_bad_event $1)", "halt")
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "22023" || refused.Message != `invalid value for option "on_bad_event": "halt"` {
		t.Errorf("a wrong value: %v", err)
	}
}
