package session

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"metadb/testsql/instance"
	"metadb/testsql/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var rewrite = flag.Bool("rewrite", false, "write what psql prints into the .out files")

// TestSessions plays every NAME.sql by psql against a server of its own and
// compares what it prints with NAME.out. The variable plain is a role without
// rights, whose password is the superuser's.
func TestSessions(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("*.sql")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(script, ".sql"), func(t *testing.T) {
			t.Parallel()
			sql, err := os.ReadFile(script)
			if err != nil {
				t.Fatal(err)
			}
			db := pgtest.Database(t)
			plain := plainRole(t, db)
			server := instance.New(t, instance.Warehouse{
				Host: db.Host, Port: db.Port, Database: db.Name, User: db.User, Password: db.Password,
			})
			server.Start()
			names := strings.NewReplacer(plain, "plain", `"`+db.User+`"`, `"admin"`)
			got := normal(names.Replace(server.PSQL(string(sql), "-a", "-v", "QUIET=off", "-v", "plain="+plain, "-v", "admin="+db.User)))
			compare(t, strings.TrimSuffix(script, ".sql")+".out", got)
		})
	}
}

// plainRole makes a role that may connect, and nothing else.
func plainRole(t *testing.T, db *pgtest.DB) string {
	t.Helper()
	name := "plain_" + db.Name
	conn := db.Conn(t)
	quoted := pgx.Identifier{name}.Sanitize()
	if _, err := conn.Exec(t.Context(), "CREATE ROLE "+quoted+" LOGIN PASSWORD '"+strings.ReplaceAll(db.Password, "'", "''")+"'"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := conn.Exec(context.Background(), "DROP ROLE "+quoted); err != nil {
			t.Errorf("drop role: %v", err)
		}
	})
	return name
}

// What differs from run to run.
var (
	location = regexp.MustCompile(`(?m)^LOCATION: .*\n`) // of Postgres' source code, with VERBOSITY verbose
	moment   = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+\d\d`)
	port     = regexp.MustCompile(`\bport \d{4,5}\b`)
)

func normal(out string) string {
	out = location.ReplaceAllString(out, "")
	out = moment.ReplaceAllString(out, "<time>")
	return port.ReplaceAllString(out, "port <port>")
}

// compare demands that a file holds what was printed, or writes it.
func compare(t *testing.T, file, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("psql prints something else (-want +got); -rewrite writes it:\n%s", diff)
	}
}
