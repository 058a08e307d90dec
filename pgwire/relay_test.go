package pgwire_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"metadb/testsql/pgtest"
)

const createA = `CREATE DATA SOURCE a TYPE kafka OPTIONS (brokers 'h:9092', topics '^x\.')`

var modes = map[string]pgx.QueryExecMode{
	"cache statement": pgx.QueryExecModeCacheStatement,
	"cache describe":  pgx.QueryExecModeCacheDescribe,
	"describe exec":   pgx.QueryExecModeDescribeExec,
	"exec":            pgx.QueryExecModeExec,
	"simple":          pgx.QueryExecModeSimpleProtocol,
}

func TestStatementsInEveryMode(t *testing.T) {
	t.Parallel()
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := newFront(t).conn(t)
			for _, s := range []struct{ sql, tag string }{
				{createA, "CREATE DATA SOURCE"},
				{"ALTER DATA SOURCE a OPTIONS (SET topics 't')", "ALTER DATA SOURCE"},
				{"LIST STATUS", "SELECT 1"},
				{"DROP DATA SOURCE a;", "DROP DATA SOURCE"},
				{"/* again */ " + createA, "CREATE DATA SOURCE"},
				{"DROP DATA SOURCE a;", "DROP DATA SOURCE"},
				{"CREATE DATA ORIGIN o -- done", "CREATE DATA ORIGIN"},
				{"SELECT 1", "SELECT 1"},
				{"CALL metadb.drop_data_source('o', false)", "CALL"},
			} {
				tag, err := conn.Exec(t.Context(), s.sql, mode)
				if err != nil || tag.String() != s.tag {
					t.Errorf("%s: got %s, %v", s.sql, tag, err)
				}
			}
			if _, err := conn.Exec(t.Context(), createA, mode); err != nil {
				t.Fatal(err)
			}
			var name string
			var events int64
			if err := conn.QueryRow(t.Context(), "LIST STATUS", mode).Scan(&name, &events); err != nil || name != "a" || events != 1 {
				t.Errorf("got %s, %d, %v", name, events, err)
			}
			err := fails(t, second(conn.Exec(t.Context(), createA, mode)))
			if err.Code != "42710" || err.Message != `data source "a" already exists` || err.Hint != "Use another name." || err.Where != "" {
				t.Errorf("got %+v", err)
			}
			err = fails(t, second(conn.Exec(t.Context(), "/* ä */ LIST stauts", mode)))
			if err.Code != "22023" || err.Position != 14 || err.Hint == "" || err.Severity != "ERROR" {
				t.Errorf("got %+v", err)
			}
		})
	}
}

func TestTransactions(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		sql  string
		code string
		want int
	}{
		"autocommit":               {createA, "", 1},
		"rollback":                 {"BEGIN; " + createA + "; ROLLBACK", "", 0},
		"commit":                   {"BEGIN; " + createA + "; COMMIT", "", 1},
		"savepoint":                {"BEGIN; SAVEPOINT s; " + createA + "; ROLLBACK TO s; COMMIT", "", 0},
		"implicit, error behind":   {createA + "; SELECT 1/0", "22012", 0},
		"implicit, twice":          {createA + "; " + createA, "42710", 0},
		"malformed behind":         {"CREATE DATA ORIGIN o; LIST nothing", "22023", 0},
		"malformed before":         {"LIST nothing; CREATE DATA ORIGIN o", "22023", 0},
		"plain mistake before":     {"SELEC 1; LIST nothing", "42601", 0},
		"plain mistake behind":     {"CREATE DATA ORIGIN o; SELEC 1", "42601", 0},
		"in a failed transaction":  {"BEGIN; SELECT 1/0; " + createA, "22012", 0},
		"read only":                {"BEGIN READ ONLY; " + createA, "25006", 0},
		"several":                  {createA + "; CREATE DATA ORIGIN o; LIST STATUS;; SELECT 'LIST STATUS'", "", 2},
		"wrong option in a script": {"SELECT 1; CREATE DATA SOURCE a TYPE kafka OPTIONS (topics '^[')", "2201B", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFront(t)
			conn := f.conn(t)
			_, err := conn.Exec(t.Context(), test.sql, pgx.QueryExecModeSimpleProtocol)
			if test.code == "" && err != nil || test.code != "" && fails(t, err).Code != test.code {
				t.Errorf("got %v, want %s", err, test.code)
			}
			if n := count(t, f.db.Conn(t)); n != test.want {
				t.Errorf("%d sources, want %d", n, test.want)
			}
		})
	}
}

func TestMistakeAbortsTransaction(t *testing.T) {
	t.Parallel()
	conn := newFront(t).conn(t)
	if _, err := conn.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	if err := fails(t, second(conn.Exec(t.Context(), "LIST nothing"))); err.Code != "22023" {
		t.Errorf("got %+v", err)
	}
	if status := conn.PgConn().TxStatus(); status != 'E' {
		t.Errorf("transaction status %c", status)
	}
	if err := fails(t, second(conn.Exec(t.Context(), "LIST STATUS"))); err.Code != "25P02" {
		t.Errorf("got %+v", err)
	}
}

func TestPositions(t *testing.T) {
	t.Parallel()
	conn := newFront(t).conn(t)
	for _, test := range []struct {
		sql, code string
		at        int32
	}{
		{"SELECT 'äö'; SELECT nosuch; LIST STATUS", "42703", 21},
		{"SELECT 'äö'; LIST STATUS; SELECT nosuch", "42703", 34},
		{"LIST STATUS; CREATE DATA ORIGIN \"äö€\"; SELECT 'ä', nosuch", "42703", 52},
		{"SELECT 'äö'; LIST STATUS now", "42601", 26},
		{"SELECT 'äö'; LIST STATUS; SELEC 1", "42601", 27},
		{"SELECT 'äö'; LIST DATA_SOURCES", "42P01", 14},
	} {
		err := fails(t, second(conn.Exec(t.Context(), test.sql, pgx.QueryExecModeSimpleProtocol)))
		if err.Code != test.code || err.Position != test.at {
			t.Errorf("%s: got %s at %d, want %s at %d", test.sql, err.Code, err.Position, test.code, test.at)
		}
	}
}

func TestOtherDatabase(t *testing.T) {
	t.Parallel()
	conn := frontOf(t, pgtest.Database(t)).conn(t)
	for name, mode := range modes {
		for _, sql := range []string{"LIST STATUS", "DROP DATA SOURCE s"} {
			err := fails(t, second(conn.Exec(t.Context(), sql, mode)))
			if err.Hint == "" || err.Position != 1 {
				t.Errorf("%s: %s: got %+v", name, sql, err)
			}
		}
	}
}

func TestRights(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	admin, conn := f.db.Conn(t), f.conn(t)
	role := pgx.Identifier{f.db.Name + "_reader"}.Sanitize()
	if _, err := conn.Exec(t.Context(), "CREATE ROLE "+role+"; SET ROLE "+role, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(context.Background(), "DROP ROLE "+role); err != nil {
			t.Error(err)
		}
	})
	for _, sql := range []string{"LIST STATUS", createA} {
		err := fails(t, second(conn.Exec(t.Context(), sql)))
		if err.Code != "42501" || err.Hint != `The statement is for members of the role "metadb_admin".` {
			t.Errorf("%s: got %+v", sql, err)
		}
	}
	if err := fails(t, second(conn.Exec(t.Context(), "SELECT * FROM metadb.status"))); err.Message != "permission denied for schema metadb" {
		t.Errorf("got %+v", err)
	}
}
