package wire

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"metadb/testsql/pgtest"
)

// TestFormats reads lists with their types, in both formats, and compares with
// the view of the same name in PostgreSQL itself.
func TestFormats(t *testing.T) {
	t.Parallel()
	server, db := newInstance(t)
	server.Start()
	direct := db.Conn(t)
	conn := (&pgtest.DB{URL: through(server.Port(), db)}).Conn(t)
	for _, sql := range []string{
		`CREATE DATA SOURCE s TYPE kafka OPTIONS (brokers '127.0.0.1:1', topics '^s\.')`,
		"ALTER DATA SOURCE s DISABLE",
		`INSERT INTO metadb.dead_letter (source, topic, partition, "offset", schema_name, table_name, reason) VALUES ('s', 't', 3, 4000000000, 'a', 'b', 'why')`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, list := range []string{"status", "data_sources", "data_origins", "dead_letters", "requests"} {
		want, _ := values(t, direct, "SELECT * FROM metadb."+list, pgx.QueryExecModeDescribeExec)
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeDescribeExec, pgx.QueryExecModeSimpleProtocol} {
			got, binary := values(t, conn, "LIST "+list, mode)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("LIST %s, %s (-direct +LIST):\n%s", list, mode, diff)
			}
			if binary != (mode == pgx.QueryExecModeDescribeExec) && list == "dead_letters" {
				t.Errorf("LIST %s, %s: binary is %v", list, mode, binary)
			}
		}
	}
}

// values are the rows of a query as Go's types, and whether some came in binary.
func values(t *testing.T, conn *pgx.Conn, sql string, mode pgx.QueryExecMode) (all []map[string]any, binary bool) {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, mode)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		one, err := rows.Values()
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		row := map[string]any{}
		for i, f := range rows.FieldDescriptions() {
			binary = binary || f.Format == pgx.BinaryFormatCode
			if n, ok := one[i].(pgtype.Numeric); ok { // one number has several forms
				f, err := n.Float64Value()
				if err != nil {
					t.Fatal(err)
				}
				one[i] = f
			}
			row[f.Name] = one[i]
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return all, binary
}
