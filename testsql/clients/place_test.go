package clients

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"metadb/testsql/instance"
	"metadb/testsql/pgtest"
)

// runTime bounds one run of a program.
const runTime = 5 * time.Minute

var rewrite = flag.Bool("rewrite", false, "write what the programs print into the .out files")

func TestMain(m *testing.M) { pgtest.Main(m) }

// long ends a test that installs something, unless it was asked for.
func long(t *testing.T) {
	t.Helper()
	if os.Getenv("METADB_TEST_LONG") == "" {
		t.Skip("installs clients; set METADB_TEST_LONG")
	}
}

// place is where clients connect: with a password, as a role of their own.
type place struct {
	Host, Port, User, Password, Database string
	// CA is the file of the certificate to verify; "" is no TLS.
	CA string
}

// places are a server with TLS, and a database of PostgreSQL beside it, for a role
// that is no superuser but a member of metadb_admin.
func places(t *testing.T) (through, direct place) {
	t.Helper()
	role := place{User: "client_" + strings.ToLower(rand.Text()), Password: rand.Text()}
	admin := pgtest.Database(t)
	conn := admin.Conn(t)
	name := pgx.Identifier{role.User}.Sanitize()
	run := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	run("SET password_encryption = 'scram-sha-256'")
	run("CREATE ROLE " + name + " LOGIN PASSWORD '" + role.Password + "'")
	t.Cleanup(func() {
		if _, err := conn.Exec(context.Background(), "DROP ROLE "+name); err != nil {
			t.Errorf("drop role: %v", err)
		}
	})
	behind, beside := pgtest.Database(t), pgtest.Database(t)
	run("ALTER DATABASE " + pgx.Identifier{behind.Name}.Sanitize() + " OWNER TO " + name)
	run("ALTER DATABASE " + pgx.Identifier{beside.Name}.Sanitize() + " OWNER TO " + name)
	server := instance.New(t, instance.Warehouse{
		Host: behind.Host, Port: behind.Port, Database: behind.Name, User: behind.User, Password: behind.Password,
	})
	cert := pgtest.NewCertificate(t)
	server.Configure("tls_certificate = "+cert.CertFile, "tls_key = "+cert.KeyFile)
	server.Start()
	run("GRANT metadb_admin TO " + name)
	through, direct = role, role
	through.Host, through.Port, through.Database, through.CA = "127.0.0.1", strconv.Itoa(server.Port()), "metadb", cert.CertFile
	direct.Host, direct.Port, direct.Database = beside.Host, strconv.Itoa(beside.Port), beside.Name
	return through, direct
}

// sslMode is libpq's word.
func (p place) sslMode() string {
	if p.CA == "" {
		return "disable"
	}
	return "verify-full"
}

// URL is the place as libpq and those after it read it.
func (p place) URL(scheme string) string {
	query := url.Values{"sslmode": {p.sslMode()}}
	if p.CA != "" {
		query.Set("sslrootcert", p.CA)
	}
	u := url.URL{Scheme: scheme, User: url.UserPassword(p.User, p.Password), Host: net.JoinHostPort(p.Host, p.Port), Path: "/" + p.Database, RawQuery: query.Encode()}
	return u.String()
}

// jdbc is the place as pgJDBC reads it.
func (p place) jdbc() string {
	query := url.Values{"user": {p.User}, "password": {p.Password}, "sslmode": {p.sslMode()}}
	if p.CA != "" {
		query.Set("sslrootcert", p.CA)
	}
	return "jdbc:postgresql://" + net.JoinHostPort(p.Host, p.Port) + "/" + p.Database + "?" + query.Encode()
}

// env are libpq's variables.
func (p place) env() []string {
	list := []string{"PGHOST=" + p.Host, "PGPORT=" + p.Port, "PGUSER=" + p.User, "PGPASSWORD=" + p.Password, "PGDATABASE=" + p.Database,
		"PGSSLMODE=" + p.sslMode(), "LC_ALL=C.UTF-8", "PYTHONUTF8=1"}
	if p.CA != "" {
		list = append(list, "PGSSLROOTCERT="+p.CA)
	}
	return list
}

// exec runs one statement.
func (p place) exec(t *testing.T, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// query asks for one value.
func (p place) query(t *testing.T, sql string) (answer string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), sql).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

// run runs a program and returns what it printed and how it ended.
func run(t *testing.T, dir string, env []string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = fmt.Errorf("it did not end: %w", ctx.Err())
	}
	return string(out), err
}

// valid are names that come with each new feature.
var valid = regexp.MustCompile(`(Valid options in this context are): [a-z_, ]*[a-z_]`)

// compare demands that a file holds what was printed, or writes it.
func compare(t *testing.T, file, got string) {
	t.Helper()
	got = valid.ReplaceAllString(got, "$1: …")
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	same(t, file, read(t, file), got)
}

func same(t *testing.T, what, want, got string) {
	t.Helper()
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s: something else is printed (-want +got):\n%s", what, diff)
	}
}
