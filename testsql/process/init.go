package process

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"metadb/cmd/metadb/localpg"
)

// Role is a role of PostgreSQL.
type Role struct{ Name, Password string }

// Warehouse is where a server keeps its data, and as whom.
type Warehouse struct {
	Host              string
	Port              int
	Database          string
	SSLMode           string // "disable" when empty
	Superuser, System Role
}

// In is a database of a private PostgreSQL, in which all is done as its superuser.
func In(pg *localpg.Server, database string) Warehouse {
	superuser := Role{pg.User(), pg.Password()}
	return Warehouse{Host: pg.Host(), Port: pg.Port(), Database: database, Superuser: superuser, System: superuser}
}

// Through is the address of database "metadb" for the superuser, through a server on
// a port of this machine.
func (w Warehouse) Through(port int) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(w.Superuser.Name, w.Superuser.Password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Path: "/metadb", RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Init makes a data directory with metadb init, and fills in what that leaves open.
func Init(ctx context.Context, program, dir string, w Warehouse) error {
	if out, err := exec.CommandContext(ctx, program, "init", "-D", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("metadb init: %w: %s", err, bytes.TrimSpace(out))
	}
	conf := fmt.Sprintf(`[main]
host = %s
port = %d
database = %s
superuser = %s
superuser_password = %s
systemuser = %s
systemuser_password = %s
sslmode = %s
`, w.Host, w.Port, w.Database, w.Superuser.Name, w.Superuser.Password, w.System.Name, w.System.Password, cmp.Or(w.SSLMode, "disable"))
	return os.WriteFile(filepath.Join(dir, "metadb.conf"), []byte(conf), 0o600)
}

// FreePort is the wanted port if nobody has it, else another that is free now.
func FreePort(ctx context.Context, wanted int) (int, error) {
	port, err := tryPort(ctx, wanted)
	if err != nil {
		return tryPort(ctx, 0)
	}
	return port, nil
}

func tryPort(ctx context.Context, port int) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
