package compare

import (
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"metadb/testsql/captures"
	"metadb/testsql/oracle"
	"metadb/testsql/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// loaded makes a warehouse that is right: the truth as current rows.
func loaded(t *testing.T, capture string) *pgx.Conn {
	t.Helper()
	conn := pgtest.Database(t).Conn(t)
	tables, err := readTruth(capture)
	if err != nil {
		t.Fatal(err)
	}
	dir, _, err := truthDir(capture)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		schema, _ := Schemas{}.Target(table.Schema)
		var columns []string
		for _, c := range table.Columns {
			columns = append(columns, pgx.Identifier{c.Name}.Sanitize()+" text")
		}
		load(t, conn, pgx.Identifier{schema, table.Name}, columns, captures.Files(), path.Join(dir, table.File))
	}
	return conn
}

// loadOracle makes the history tables those of the oracle, with their types.
func loadOracle(t *testing.T, conn *pgx.Conn, dir string) {
	t.Helper()
	types, err := oracleTypes(dir)
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(oracle.Files(), path.Join(dir, "[^_]*.csv"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no oracle in %s: %v", dir, err)
	}
	for _, file := range files {
		schema, table, _ := strings.Cut(strings.TrimSuffix(path.Base(file), ".csv"), ".")
		sheet, err := readSheet(oracle.Files(), file)
		if err != nil {
			t.Fatal(err)
		}
		var columns []string
		for _, column := range sheet.Columns {
			columns = append(columns, pgx.Identifier{column}.Sanitize()+" "+types[schema+"."+table][column])
		}
		name := pgx.Identifier{schema, table + "__"}
		end := slices.Index(sheet.Columns, "__end")
		columns[end] = "__end text"
		load(t, conn, name, columns, oracle.Files(), file)
		execute(t, conn, "ALTER TABLE "+name.Sanitize()+` ALTER __end TYPE timestamptz USING replace(__end, 'ENDSYNC', '2027-01-01')::timestamptz`)
	}
}

// load fills a new table from a file.
func load(t *testing.T, conn *pgx.Conn, name pgx.Identifier, columns []string, files fs.FS, file string) {
	t.Helper()
	execute(t, conn, "CREATE SCHEMA IF NOT EXISTS "+name[:1].Sanitize())
	execute(t, conn, "CREATE TABLE "+name.Sanitize()+" ("+strings.Join(columns, ", ")+")")
	data, err := files.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = data.Close() }()
	_, err = conn.PgConn().CopyFrom(t.Context(), data, "COPY "+name.Sanitize()+` FROM STDIN WITH (FORMAT csv, HEADER, NULL '\N')`)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func execute(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func compared(t *testing.T, conn *pgx.Conn, o Options) *Report {
	t.Helper()
	report, err := Run(context.Background(), conn, o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func printed(t *testing.T, r *Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.Print(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
