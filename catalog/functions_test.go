package catalog

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestEveryRoutineIsAFunction looks for routines of the admin role that cannot be
// called from SELECT, which is all that some programs let through. Those that wait end
// transactions, which only a procedure can.
func TestEveryRoutineIsAFunction(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	i.initialize(func(context.Context) (*pgx.Conn, error) { return nil, errors.New("not needed") }) // as at the second start
	rows, err := i.pool.Query(t.Context(), `
		SELECT p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
		       EXISTS (SELECT FROM pg_proc f WHERE f.pronamespace = p.pronamespace AND f.prokind = 'f' AND f.proname = 'do_' || p.proname
		               AND f.proargtypes = p.proargtypes AND f.proargnames = p.proargnames AND f.pronargdefaults = p.pronargdefaults
		               AND f.prosecdef = p.prosecdef AND has_function_privilege($1, f.oid, 'EXECUTE')
		               AND NOT EXISTS (SELECT FROM aclexplode(f.proacl) WHERE grantee = 0)),
		       p.prosrc ~ '\mCOMMIT\M'
		FROM pg_proc p WHERE p.pronamespace = 'metadb'::regnamespace AND p.prokind = 'p' AND has_function_privilege($1, p.oid, 'EXECUTE')`, AdminRole)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	var name string
	var found, commits bool
	if _, err := pgx.ForEachRow(rows, []any{&name, &found, &commits}, func() error {
		if n++; found == commits {
			t.Errorf("metadb.%s: has a function %t, ends transactions %t", name, found, commits)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n < 10 {
		t.Errorf("only %d procedures", n)
	}
	if got := i.text("SELECT count(*)::text FROM (SELECT proname FROM pg_proc WHERE pronamespace = 'metadb'::regnamespace AND proname ~ '^do_' GROUP BY 1 HAVING count(*) > 1) x"); got != "0" {
		t.Errorf("%s functions of more than one form", got)
	}
}

// TestFunctionsDoWhatStatementsDo calls the functions as a member of the admin role
// does, without the front end, and looks at what they have done and at their record.
func TestFunctionsDoWhatStatementsDo(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	user := "user_" + i.db.Name
	conn := i.db.Conn(t)
	run := func(sql string) (got string, err error) {
		err = conn.QueryRow(t.Context(), sql).Scan(&got)
		return got, err
	}
	for _, sql := range []string{
		"CREATE ROLE " + pgx.Identifier{user}.Sanitize() + " LOGIN PASSWORD 'pw'",
		"SET SESSION AUTHORIZATION " + pgx.Identifier{user}.Sanitize(), "SET application_name = 'bi'",
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := run("SELECT metadb.do_drop_data_source('s', true)"); !isSQLState(err, "42501") {
		t.Errorf("without the role: %v", err)
	}
	if _, err := i.db.Conn(t).Exec(t.Context(), "GRANT "+AdminRole+" TO "+pgx.Identifier{user}.Sanitize()); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ sql, want, text string }{
		{
			`SELECT * FROM metadb.do_create_data_source('s', 'kafka', ARRAY['brokers', 'b:1', 'security', 'sasl_ssl', 'sasl_mechanism', 'PLAIN', 'sasl_username', 'who', 'sasl_password', 'marker']) LIMIT 1000`,
			"CREATE DATA SOURCE",
			`SELECT metadb.do_create_data_source('s', 'kafka', 'brokers', 'b:1', 'security', 'sasl_ssl', 'sasl_mechanism', 'PLAIN', 'sasl_username', '***', 'sasl_password', '***', 'false')`,
		},
		{
			`SELECT metadb.do_alter_data_source('s', ARRAY['set', 'sasl_password', 'marker''2', 'set', 'topics', '^t'])`, "ALTER DATA SOURCE",
			`SELECT metadb.do_alter_data_source('s', 'set', 'sasl_password', '***', 'set', 'topics', '^t', 'false')`,
		},
		{`SELECT metadb.do_enable_data_source('s', enable => false)`, "ALTER DATA SOURCE", `SELECT metadb.do_enable_data_source('s', 'false', 'false')`},
		{`SELECT metadb.do_sync_data_source('s')`, "SYNC DATA SOURCE", `SELECT metadb.do_sync_data_source('s', NULL, 'false')`},
		{`SELECT metadb.do_cancel_sync('s')`, "CANCEL SYNC DATA SOURCE", `SELECT metadb.do_cancel_sync('s')`},
		{`SELECT metadb.do_alter_system_set('external_sql_folio', 'https://u:marker@x')`, "ALTER SYSTEM SET", `SELECT metadb.do_alter_system_set('external_sql_folio', '***')`},
		{`SELECT metadb.do_replay_dead_letters('s')`, "REPLAY DEAD LETTERS", `SELECT metadb.do_replay_dead_letters('s', NULL)`},
		{`SELECT metadb.do_create_data_origin('west')`, "CREATE DATA ORIGIN", `SELECT metadb.do_create_data_origin('west', 'false')`},
		{`SELECT metadb.do_drop_data_origin('west')`, "DROP DATA ORIGIN", `SELECT metadb.do_drop_data_origin('west', 'false')`},
	} {
		if got, err := run(step.sql); err != nil || got != step.want {
			t.Errorf("%s: %q, %v", step.sql, got, err)
			continue
		}
		if got := i.text("SELECT concat_ws('|', role, application, statement, outcome, text) FROM metadb.activity ORDER BY id DESC LIMIT 1"); got != strings.Join([]string{user, "bi", step.want, "committed", step.text}, "|") {
			t.Errorf("%s:\n got %s\nwant %s", step.sql, got, step.text)
		}
	}
	if got := i.text("SELECT concat_ws('|', topics, enable, sasl_password) FROM metadb.source"); got != "^t|f|marker'2" {
		t.Errorf("data source %s", got)
	}
	before := i.text("SELECT count(*)::text FROM metadb.activity")
	if _, err := run("SELECT metadb.do_endsync_data_source('s')"); !isSQLState(err, "55000") {
		t.Errorf("endsync: %v", err)
	}
	if err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "SELECT metadb.do_drop_data_source('s')"); err != nil {
			return err
		}
		return errRolledBack
	}); !errors.Is(err, errRolledBack) {
		t.Error(err)
	}
	if got := i.text("SELECT count(*)::text FROM metadb.activity"); got != before {
		t.Errorf("%s entries, before %s: what fails or is rolled back has done nothing", got, before)
	}
}

var errRolledBack = errors.New("rolled back")
