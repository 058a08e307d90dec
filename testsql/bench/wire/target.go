package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"metadb/cmd/metadb/localpg"
	"metadb/testsql/poll"
	"metadb/testsql/process"
)

// startWait bounds the start of a process.
const startWait = time.Minute

// target is an address of the database.
type target struct {
	name, host, user, password, database string
	ssl                                  string // sslmode
	port                                 int
	pid                                  int // of the program, 0 for PostgreSQL itself
}

func (t target) url() string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(t.user, t.password),
		Host: net.JoinHostPort(t.host, strconv.Itoa(t.port)), Path: "/" + t.database, RawQuery: "sslmode=" + t.ssl,
	}
	return u.String()
}

// bench is everything that runs.
type bench struct {
	pg        *localpg.Server
	dir       string
	certFile  string // of the certificate, if connections are encrypted
	keyFile   string
	servers   []*process.Server // ours is the first, then those of the flags -before and -socket
	databases []string          // one for each
	processes []*exec.Cmd       // others
	targets   []target          // PostgreSQL itself is the first, ours the second
}

// served is a server that is measured.
type served struct{ name, program, host, database string }

func start(ctx context.Context, o options) (b *bench, err error) {
	b = &bench{}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if b.dir, err = os.MkdirTemp("", "metadb-wire-"); err != nil {
		return nil, err
	}
	// pgbouncer gives up root for a user who must read its files.
	if err := os.Chmod(b.dir, 0o755); err != nil { //nolint:gosec // see above
		return nil, err
	}
	options := localpg.Options{Settings: map[string]string{
		"max_connections": strconv.Itoa(o.idle + 100), "shared_buffers": "512MB", "fsync": "off",
	}}
	ssl := "disable"
	if o.tls {
		if err := b.makeCertificate(ctx, o.metadb); err != nil {
			return nil, err
		}
		ssl, options.CertFile, options.KeyFile = "require", b.certFile, b.keyFile
	}
	if b.pg, err = localpg.Start(ctx, options); err != nil {
		return nil, err
	}
	direct := target{"direct", b.pg.Host(), b.pg.User(), b.pg.Password(), "bench", ssl, b.pg.Port(), 0}
	admin := direct
	admin.database = "postgres"
	b.targets = []target{direct}
	servers := []served{{"metadb", o.metadb, b.pg.Host(), direct.database}}
	if o.before != "" {
		servers = append(servers, served{"before", o.before, b.pg.Host(), "bench_before"})
	}
	if o.socket {
		servers = append(servers, served{"socket", o.metadb, b.pg.SocketDir(), "bench_socket"})
	}
	for _, s := range servers {
		if err := admin.exec(ctx, "CREATE DATABASE "+s.database); err != nil {
			return nil, err
		}
		b.databases = append(b.databases, s.database)
		t := direct
		t.name, t.database = s.name, s.database
		if err := b.startMetadb(ctx, s.program, t, s.host); err != nil {
			return nil, err
		}
	}
	if err := b.bare(ctx, direct); err != nil {
		return nil, err
	}
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return b, b.startBouncer(ctx, path, direct)
	} else if path := "/usr/sbin/pgbouncer"; exists(path) {
		return b, b.startBouncer(ctx, path, direct)
	}
	return b, nil
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

func (b *bench) close() {
	for _, p := range b.processes {
		_ = p.Process.Signal(syscall.SIGTERM)
		_ = p.Wait()
	}
	for _, s := range b.servers {
		_ = s.Stop()
	}
	if b.pg != nil {
		_ = b.pg.Close()
	}
	_ = os.RemoveAll(b.dir)
}

// startMetadb starts a server on a database, which it reaches by a host.
func (b *bench) startMetadb(ctx context.Context, program string, t target, host string) error {
	data, w := filepath.Join(b.dir, t.name), process.In(b.pg, t.database)
	w.Host, w.SSLMode = host, t.ssl
	if err := process.Init(ctx, program, data, w); err != nil {
		return err
	}
	if b.certFile != "" {
		if err := b.encrypt(data); err != nil {
			return err
		}
	}
	var err error
	if t.port, err = process.FreePort(ctx, 0); err != nil {
		return err
	}
	server, err := process.Start(ctx, program, data, filepath.Join(b.dir, t.name+".log"), t.port)
	if err != nil {
		return err
	}
	b.servers = append(b.servers, server)
	t.pid = server.PID()
	b.targets = append(b.targets, t)
	return nil
}

// startBouncer starts pgbouncer in session mode, which hands its clients' passwords
// to nobody: it knows them from a file.
func (b *bench) startBouncer(ctx context.Context, path string, direct target) error {
	t := direct
	t.name = "pgbouncer"
	var err error
	if t.port, err = process.FreePort(ctx, 0); err != nil {
		return err
	}
	users, ini := filepath.Join(b.dir, "users.txt"), filepath.Join(b.dir, "pgbouncer.ini")
	files := map[string]string{
		users: fmt.Sprintf("%q %q\n", t.user, t.password),
		ini: fmt.Sprintf("[databases]\nbench = host=%s port=%d dbname=bench\n[pgbouncer]\nlisten_addr = %s\nlisten_port = %d\nunix_socket_dir =\n"+
			"auth_type = scram-sha-256\nauth_file = %s\npool_mode = session\nmax_client_conn = 2000\ndefault_pool_size = 200\nserver_lifetime = 3600\n"+
			"ignore_startup_parameters = extra_float_digits\nlog_connections = 0\nlog_disconnections = 0\n"+
			"client_tls_sslmode = %s\nserver_tls_sslmode = %[6]s\nclient_tls_cert_file = %s\nclient_tls_key_file = %s\n",
			direct.host, direct.port, t.host, t.port, users, t.ssl, b.certFile, b.keyFile),
	}
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil { //nolint:gosec // pgbouncer's user reads it; the password goes with the database
			return err
		}
	}
	args := []string{"-q", ini}
	if os.Geteuid() == 0 {
		args = append([]string{"-u", "nobody"}, args...)
	}
	return b.launch(ctx, exec.Command(path, args...), t) //nolint:noctx // ended by close, gently
}

// launch starts a program and waits until it serves.
func (b *bench) launch(ctx context.Context, cmd *exec.Cmd, t target) error {
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &log
	if err := cmd.Start(); err != nil {
		return err
	}
	b.processes = append(b.processes, cmd)
	var refused error
	if !poll.Until(ctx, 50*time.Millisecond, startWait, func() bool { refused = t.exec(ctx, "SELECT 1"); return refused == nil }) {
		return errors.Join(fmt.Errorf("%s does not start: %s", t.name, log.String()), refused)
	}
	t.pid = cmd.Process.Pid
	b.targets = append(b.targets, t)
	return nil
}

// exec runs statements on a connection of their own.
func (t target) exec(ctx context.Context, statements ...string) error {
	conn, err := t.conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// fill makes the tables, in each database.
func (b *bench) fill(ctx context.Context, o options) error {
	for _, database := range b.databases {
		t := b.targets[0]
		t.database = database
		cmd := exec.CommandContext(ctx, "pgbench", "-i", "-q", "-s", "10", "-h", t.host, "-p", strconv.Itoa(t.port), "-U", t.user, t.database)
		cmd.Env = append(os.Environ(), "PGPASSWORD="+t.password)
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("pgbench -i: %w: %s", err, text)
		}
		if err := t.exec(ctx, fmt.Sprintf("CREATE TABLE big AS SELECT i, repeat('x', 200) AS s FROM generate_series(1, %d) i", o.mb<<20/200), "VACUUM ANALYZE big"); err != nil {
			return err
		}
	}
	return nil
}
