package instance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"metadb/testsql/poll"
	"metadb/testsql/process"
	"metadb/testsql/psql"
)

// Bounds of waiting: for the server to begin or end, and for a condition.
const (
	startWait = 60 * time.Second
	pollPause = 20 * time.Millisecond
)

// Warehouse is where a server keeps its data: an address of a superuser.
type Warehouse struct {
	Host, Database, User, Password string
	Port                           int
	SSLMode                        string // "disable" when empty
}

// URL is the warehouse's address in Postgres itself.
func (w Warehouse) URL() string {
	return fmt.Sprintf("postgres://%s:%s@%s:%d/%s", w.User, w.Password, w.Host, w.Port, w.Database)
}

// Instance is a data directory and, at times, the server on it.
type Instance struct {
	t    testing.TB
	w    Warehouse
	bin  string
	dir  string
	port int

	// Flags are given to metadb start, beside those that every instance has.
	Flags []string
	// Env are variables of the server's environment, beside ours.
	Env []string

	cmd  *exec.Cmd
	done chan struct{}
	log  lockedBuffer
}

// New makes a data directory with metadb init and configures it.
func New(t testing.TB, w Warehouse) *Instance {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	i := &Instance{t: t, w: w, bin: bin, dir: filepath.Join(t.TempDir(), "data")}
	i.takePort()
	role := process.Role{Name: w.User, Password: w.Password}
	conf := process.Warehouse{Host: w.Host, Port: w.Port, Database: w.Database, SSLMode: w.SSLMode, Superuser: role, System: role}
	if err := process.Init(t.Context(), bin, i.dir, conf); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		i.Kill()
		if t.Failed() {
			t.Logf("server log:\n%s", i.Log())
		}
	})
	return i
}

// Configure adds lines to the configuration file.
func (i *Instance) Configure(lines ...string) {
	i.t.Helper()
	file, err := os.OpenFile(filepath.Join(i.dir, "metadb.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		i.t.Fatal(err)
	}
	if _, err := file.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
		i.t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		i.t.Fatal(err)
	}
}

// Dir is the data directory.
func (i *Instance) Dir() string { return i.dir }

// Run runs a command of the program and returns its output and exit code.
func (i *Instance) Run(args ...string) (output string, code int) {
	i.t.Helper()
	out, err := exec.CommandContext(i.t.Context(), i.bin, args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		i.t.Fatal(err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	return string(out), code
}

// Start starts the server and returns when it accepts connections. If another program
// got its port while it was down, it takes another.
func (i *Instance) Start() {
	i.t.Helper()
	for range 3 {
		if i.start() {
			return
		}
		i.takePort()
	}
	i.t.Fatal("the server's ports are taken by others")
}

// What the server logs once it listens, and when it cannot.
const (
	isReady   = "server is ready to accept connections"
	portTaken = "address already in use"
)

// start is false if the port is taken.
func (i *Instance) start() bool {
	i.t.Helper()
	before := len(i.Log())
	i.Launch("")
	accepts := false
	ended := poll.Until(i.t.Context(), pollPause, startWait, func() bool {
		// By the log too: what accepts may be another program.
		accepts = strings.Contains(i.Log()[before:], isReady) && i.accepts()
		return accepts || i.Dead()
	})
	switch {
	case accepts:
		return true
	case !ended:
		i.t.Fatalf("the server does not accept connections:\n%s", i.Log())
	case !strings.Contains(i.Log()[before:], portTaken):
		i.t.Fatalf("the server did not start:\n%s", i.Log())
	}
	return false
}

func (i *Instance) takePort() {
	i.t.Helper()
	port, err := process.FreePort(i.t.Context(), 0)
	if err != nil {
		i.t.Fatal(err)
	}
	i.port = port
}

func (i *Instance) accepts() bool {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(i.t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(i.port)))
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// Launch starts the server without waiting. failpoint is "point:n:file", or empty.
func (i *Instance) Launch(failpoint string) {
	i.t.Helper()
	//nolint:noctx // ended by Stop or Kill: what is cleaned up after the test's context may still use it
	i.cmd = exec.Command(i.bin, append([]string{"start", "-D", i.dir, "-p", strconv.Itoa(i.port), "--debug"}, i.Flags...)...)
	i.cmd.Stdout, i.cmd.Stderr = &i.log, &i.log
	i.cmd.Env = append(append(os.Environ(), i.Env...), "METADB_FAILPOINT="+failpoint)
	if err := i.cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	done := make(chan struct{})
	i.done = done
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait()
		close(done)
	}(i.cmd)
}

// Kill ends the server at once, as a power failure would.
func (i *Instance) Kill() {
	if i.cmd == nil {
		return
	}
	_ = i.cmd.Process.Signal(syscall.SIGKILL)
	<-i.done
	i.cmd = nil
}

// Dead says whether the server has ended by itself.
func (i *Instance) Dead() bool {
	select {
	case <-i.done:
		return true
	default:
		return false
	}
}

// AwaitDeath waits until the server has ended by itself.
func (i *Instance) AwaitDeath(ctx context.Context) error {
	select {
	case <-i.done:
		i.cmd = nil
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the server is still running: %w", ctx.Err())
	}
}

// Stop ends the server by metadb stop.
func (i *Instance) Stop() {
	i.t.Helper()
	if out, code := i.Run("stop", "-D", i.dir); code != 0 || out != "" {
		i.t.Fatalf("metadb stop: exit code %d: %s", code, out)
	}
	<-i.done
	i.cmd = nil
}

// Secrets are words that the server knows and must tell nobody.
func (i *Instance) Secrets() []string { return []string{i.w.Password} }

// Port is where the server listens for clients.
func (i *Instance) Port() int { return i.port }

// Log is what the server has written.
func (i *Instance) Log() string { return i.log.String() }

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

// lockedBuffer is a buffer that a process writes while a test reads.
type lockedBuffer struct {
	// mu guards b.
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends to the buffer.
func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is what was written so far.
func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
