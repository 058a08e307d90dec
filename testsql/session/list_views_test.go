package session

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"metadb/testsql/instance"
	"metadb/testsql/pgtest"
)

// TestEveryListIsARelation asks the server what can be listed. Each must be, for
// programs that wrap a query into another, a view or table of schema metadb with the
// same name, columns and rights; and the manual must have it.
func TestEveryListIsARelation(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	server := instance.New(t, instance.Warehouse{Host: db.Host, Port: db.Port, Database: db.Name, User: db.User, Password: db.Password})
	server.Start()
	conn := server.Dial()
	_, err := conn.Exec(t.Context(), "LIST nothing_of_this_name")
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		t.Fatal(err)
	}
	_, valid, found := strings.Cut(pg.Hint, "Valid parameters are: ")
	names := strings.Split(valid, ", ")
	if !found || len(names) < 8 {
		t.Fatalf("hint %q", pg.Hint)
	}
	manual, err := os.ReadFile("../../docs/statements/list.md")
	if err != nil {
		t.Fatal(err)
	}
	_, synopsis, _ := strings.Cut(string(manual), "```\nLIST ")
	synopsis, _, _ = strings.Cut(synopsis, "\n```")
	if got := strings.Split(synopsis, " | "); !cmp.Equal(got, names) {
		t.Errorf("the synopsis in docs/statements/list.md is %q, the server has %q", got, names)
	}
	for _, name := range names {
		listed, selected := columns(t, conn, "LIST "+name), columns(t, conn, "SELECT * FROM metadb."+pgx.Identifier{name}.Sanitize())
		if diff := cmp.Diff(listed, selected); diff != "" || len(listed) == 0 {
			t.Errorf("LIST %s and metadb.%s have other columns:\n%s", name, name, diff)
		}
		var may bool
		if err := conn.QueryRow(t.Context(), "SELECT has_table_privilege('metadb_admin', $1, 'SELECT')", "metadb."+name).Scan(&may); err != nil || !may {
			t.Errorf("metadb_admin may not read metadb.%s: %v", name, err)
		}
		if !strings.Contains(string(manual), "| `LIST "+name+"` |") || !strings.Contains(string(manual), "metadb."+name) {
			t.Errorf("docs/statements/list.md does not have %s", name)
		}
	}
}

// columns are the names and types of a query's result.
func columns(t *testing.T, conn *pgx.Conn, sql string) (list []string) {
	t.Helper()
	description, err := conn.Prepare(t.Context(), "", sql)
	if err != nil {
		t.Errorf("%s: %v", sql, err)
		return nil
	}
	for _, f := range description.Fields {
		name := "?"
		if known, ok := conn.TypeMap().TypeForOID(f.DataTypeOID); ok {
			name = known.Name
		}
		list = append(list, f.Name+" "+name)
	}
	return list
}
