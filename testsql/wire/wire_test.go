package wire

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"metadb/testsql/instance"
	"metadb/testsql/pgtest"
)

var rewrite = flag.Bool("rewrite", false, "write the answers into the .out files")

// TestSame plays each script of same/ against PostgreSQL itself and through the
// server, on databases of their own: there must be no difference.
func TestSame(t *testing.T) {
	t.Parallel()
	server, db := newInstance(t)
	server.Start()
	direct := pgtest.Database(t)
	playSame(t, place{direct.URL + "?sslmode=disable", direct.Name}, place{through(server.Port(), db), db.Name})
}

// TestSameBySocketAndTLS does so with Unix sockets on both sides of the server, and with
// TLS on both.
func TestSameBySocketAndTLS(t *testing.T) {
	t.Parallel()
	cert := pgtest.NewCertificate(t)
	pg := pgtest.ServerTLS(t, cert)
	conn, err := pgx.Connect(t.Context(), pg.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	socket := socketDir(t)
	for name, leg := range map[string]struct{ pg, ssl, listen, server, query string }{
		"socket": {pg.SocketDir(), "disable", "127.0.0.1, " + socket, socket, "?sslmode=disable"},
		"TLS":    {pg.Host(), "require", "127.0.0.1", "127.0.0.1", "?sslmode=verify-full&channel_binding=require&sslrootcert=" + cert.CertFile},
	} {
		for _, database := range []string{name, name + "_direct"} {
			if _, err := conn.Exec(t.Context(), "CREATE DATABASE "+pgx.Identifier{database}.Sanitize()+" TEMPLATE template0"); err != nil {
				t.Fatal(err)
			}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := instance.New(t, instance.Warehouse{
				Host: leg.pg, Port: pg.Port(), Database: name, User: pg.User(), Password: pg.Password(), SSLMode: leg.ssl,
			})
			server.Configure("listen_addresses = "+leg.listen, "tls_certificate = "+cert.CertFile, "tls_key = "+cert.KeyFile)
			server.Start()
			at := func(host string, port int, database string) string {
				return "postgres://" + pg.User() + ":" + pg.Password() + "@/" + database + leg.query + "&host=" + host + "&port=" + strconv.Itoa(port)
			}
			playSame(t, place{at(leg.pg, pg.Port(), name+"_direct"), name + "_direct"}, place{at(leg.server, server.Port(), "metadb"), name})
		})
	}
}

// place is where a script is played.
type place struct{ address, database string }

func playSame(t *testing.T, direct, behind place) {
	t.Helper()
	for _, file := range scripts(t, "same") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".wire"), func(t *testing.T) {
			t.Parallel()
			want := playScript(t, file, direct.address, strings.NewReplacer(direct.database, "metadb"))
			got := playScript(t, file, behind.address, strings.NewReplacer(behind.database, "metadb"))
			if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("PostgreSQL says something else than the server (-PostgreSQL +server):\n%s", diff)
			}
		})
	}
}

// TestOwn plays each script of own/, which holds Metadb's statements, through a
// server of its own and compares the answers with the .out file beside it.
func TestOwn(t *testing.T) {
	t.Parallel()
	for _, file := range scripts(t, "own") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".wire"), func(t *testing.T) {
			t.Parallel()
			server, db := newInstance(t)
			server.Start()
			got := normal(playScript(t, file, through(server.Port(), db), strings.NewReplacer(db.Name, "metadb")))
			compare(t, strings.TrimSuffix(file, ".wire")+".out", got)
		})
	}
}

func scripts(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.wire"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	return files
}

// through is the address of a superuser behind the server.
func through(port int, db *pgtest.DB) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(db.User, db.Password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Path: "/metadb", RawQuery: "sslmode=disable",
	}
	return u.String()
}

// What differs between versions of PostgreSQL and from run to run.
var (
	where  = regexp.MustCompile(`"File":"[^"]*","Line":0,"Routine":"[^"]*",`)
	valid  = regexp.MustCompile(`Valid parameters are: [a-z_, ]*`) // grows with the statements
	moment = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+\d\d`)
)

func normal(out string) string {
	out = valid.ReplaceAllString(where.ReplaceAllString(out, ""), "Valid parameters are: …")
	return moment.ReplaceAllString(out, "<time>")
}

// compare demands that a file holds the answers, or writes it.
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
		t.Fatal(fmt.Errorf("%w; -rewrite writes it", err))
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("other answers (-want +got); -rewrite writes them:\n%s", diff)
	}
}
