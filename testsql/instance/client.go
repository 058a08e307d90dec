package instance

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"metadb/testsql/poll"
	"metadb/testsql/psql"
)

// PSQL runs psql on the server's port, in database "metadb", and returns what it
// prints, errors included.
func (i *Instance) PSQL(sql string, args ...string) string {
	i.t.Helper()
	args = append([]string{
		"-X", "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(i.port), "-U", i.w.User, "-d", "metadb", "-v", "VERBOSITY=default",
	}, args...)
	program, err := findPsql()
	if err != nil {
		i.t.Fatal(err)
	}
	cmd := exec.CommandContext(i.t.Context(), program, args...)
	cmd.Stdin = strings.NewReader(sql)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+i.w.Password, "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		return err.Error()
	}
	return string(out)
}

// findPsql looks for psql once in a test process.
var findPsql = sync.OnceValues(func() (string, error) { return psql.Find(context.Background()) })

// WaitFor runs a query by psql until it prints want.
func (i *Instance) WaitFor(d time.Duration, want, sql string) {
	i.t.Helper()
	got := ""
	if poll.Until(i.t.Context(), 5*pollPause, d, func() bool { got = strings.TrimSpace(i.PSQL(sql, "-A", "-t")); return got == want }) {
		return
	}
	i.t.Fatalf("%s:\n got %q\nwant %q\nstatus:\n%s", sql, got, want, i.PSQL("LIST STATUS", "-x"))
}

// Address is the server's own, for a role of Postgres.
func (i *Instance) Address(user, password string) string {
	return Warehouse{Host: "127.0.0.1", Port: i.port, Database: "metadb", User: user, Password: password}.URL()
}

// Dial connects through the server's port.
func (i *Instance) Dial() *pgx.Conn {
	i.t.Helper()
	conn, err := pgx.Connect(i.t.Context(), i.Address(i.w.User, i.w.Password))
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// Conn connects to the warehouse directly.
func (i *Instance) Conn() *pgx.Conn {
	i.t.Helper()
	conn, err := pgx.Connect(i.t.Context(), i.w.URL())
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
