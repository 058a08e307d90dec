package wire

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"metadb/testsql/pgtest"
)

// TestActivity reads who did what, also after the server was stopped and started.
func TestActivity(t *testing.T) {
	t.Parallel()
	server, db := newInstance(t)
	server.Start()
	address := through(server.Port(), db) + "&application_name=a%20tool"
	conn := (&pgtest.DB{URL: address}).Conn(t)
	run := func(sql string, wrong bool) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); (err != nil) != wrong {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	run("CREATE DATA SOURCE s TYPE kafka OPTIONS (brokers '127.0.0.1:1', security 'sasl_ssl', sasl_username 'planted-1', sasl_password 'planted-2')", false)
	run("CREATE DATA SOURCE s TYPE kafka OPTIONS (sasl_pasword 'planted-3')", true)
	run("BEGIN", false)
	run("DROP DATA SOURCE s", false)
	run("ROLLBACK", false)
	run("LIST status", false)
	run("ALTER DATA SOURCE s DISABLE", false)
	run("SET statement_timeout = '300ms'", false)
	run("SYNC DATA SOURCE s WAIT", true) // nobody does it: the wait is cancelled, the request stays
	run("SYNC DATA SOURCE none WAIT", true)
	run("BEGIN", false)
	run("SYNC DATA SOURCE s WAIT", true)
	run("ROLLBACK", false)
	run("BEGIN; ALTER DATA SOURCE s DISABLE", false)
	if err := conn.Close(t.Context()); err != nil { // with an open transaction
		t.Fatal(err)
	}
	server.Stop()
	server.Start()
	rows, err := db.Conn(t).Query(t.Context(), `
		SELECT concat_ws(' | ', statement, text, outcome, sqlstate, role = current_user, application, address ~ '^127\.0\.0\.1:\d+$', backend_pid > 0,
			at BETWEEN now() - interval '5 minutes' AND now())
		FROM metadb.activity ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	const who = " | t | a tool | t | t | t"
	want := []string{
		"CREATE DATA SOURCE | CREATE DATA SOURCE s TYPE kafka OPTIONS (brokers '127.0.0.1:1', security 'sasl_ssl', sasl_username '***', sasl_password '***') | committed | " + who,
		"CREATE DATA SOURCE | CREATE DATA SOURCE s TYPE kafka OPTIONS (sasl_pasword '***') | failed | 22023" + who,
		"DROP DATA SOURCE | DROP DATA SOURCE s | rolled back | " + who,
		"ALTER DATA SOURCE | ALTER DATA SOURCE s DISABLE | committed | " + who,
		"SYNC DATA SOURCE WAIT | SYNC DATA SOURCE s WAIT | committed | 57014" + who,
		"SYNC DATA SOURCE WAIT | SYNC DATA SOURCE none WAIT | failed | 42704" + who,
		"SYNC DATA SOURCE WAIT | SYNC DATA SOURCE s WAIT | failed | 25001" + who,
		"ALTER DATA SOURCE | ALTER DATA SOURCE s DISABLE | rolled back | " + who,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	log := server.Log()
	if strings.Contains(log, "planted") {
		t.Error("a secret in the log")
	}
	if n := strings.Count(log, "WARNING:  statement was rolled back"); n != 2 {
		t.Errorf("%d lines tell of statements that were rolled back", n)
	}
}
