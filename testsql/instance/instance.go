package instance

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"metadb/testsql/process"
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

// Secrets are words that the server knows and must tell nobody.
func (i *Instance) Secrets() []string { return []string{i.w.Password} }

// Port is where the server listens for clients.
func (i *Instance) Port() int { return i.port }

// Log is what the server has written.
func (i *Instance) Log() string { return i.log.String() }
