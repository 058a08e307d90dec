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
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Bounds of waiting for the server: to accept connections, and to come one commit
// further.
const (
	startWait = time.Minute
	stallWait = time.Minute
	pollPause = 5 * time.Millisecond
)

// runMetadb measures the server from CREATE DATA SOURCE to the end of a topic.
func (b *bench) runMetadb(ctx context.Context, program string, db *database, topic work) (outcome, error) {
	s, err := b.startServer(ctx, program, db)
	if err != nil {
		return outcome{}, err
	}
	defer s.kill()
	watch, err := pgx.Connect(ctx, db.url())
	if err != nil {
		return outcome{}, err
	}
	defer func() { _ = watch.Close(ctx) }()
	began := time.Now()
	err = s.exec(ctx, fmt.Sprintf("CREATE DATA SOURCE bench TYPE kafka OPTIONS (brokers '%s', security 'plaintext', "+
		"topics '^%s$', consumer_group 'bench-%s')", b.broker.addr, strings.ReplaceAll(topic.name, ".", `\.`), db.name))
	if err != nil {
		return outcome{}, fmt.Errorf("create data source: %w", err)
	}
	var p progress
	last := time.Now()
	for tick := time.NewTicker(pollPause); ; {
		var next int64
		err := watch.QueryRow(ctx, "SELECT coalesce(sum(next), 0)::bigint FROM metadb.source_offset").Scan(&next)
		if err != nil {
			return outcome{}, err
		}
		before := len(p)
		p.add(next)
		if len(p) > before {
			last = time.Now()
		}
		if next >= topic.end {
			tick.Stop()
			break
		}
		if time.Since(last) > stallWait {
			return outcome{}, fmt.Errorf("the server stopped at record %d of %d:\n%s", next, topic.end, s.tail())
		}
		select {
		case <-tick.C:
		case <-s.exited:
			return outcome{}, fmt.Errorf("the server ended:\n%s", s.tail())
		case <-ctx.Done():
			return outcome{}, ctx.Err()
		}
	}
	o := p.rates(topic.snapshot, topic.end)
	o.start = p[0].at.Sub(began)
	o.peak, err = strconv.Atoi(strings.TrimSuffix(procField(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid), "VmHWM"), " kB"))
	if err != nil {
		return outcome{}, fmt.Errorf("peak memory of the server: %w", err)
	}
	if err := s.stop(); err != nil {
		return outcome{}, err
	}
	cpu := s.cmd.ProcessState.UserTime() + s.cmd.ProcessState.SystemTime()
	o.cpu = float64(cpu.Microseconds()) / float64(topic.end)
	return o, nil
}

// server is the process that is measured, with a data directory of its own.
type server struct {
	cmd    *exec.Cmd
	dir    string
	front  string // address for clients
	log    bytes.Buffer
	exited chan struct{}
	err    error // how it ended; to be read after exited
}

// startServer makes a data directory and returns when the server on it accepts
// connections.
func (b *bench) startServer(ctx context.Context, program string, db *database) (*server, error) {
	dir, err := os.MkdirTemp("", "metadb-bench-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, exited: make(chan struct{})}
	if err := s.launch(ctx, program, b.serverLog, db); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.await(ctx); err != nil {
		s.kill()
		return nil, err
	}
	return s, nil
}

func (s *server) launch(ctx context.Context, program, logFile string, db *database) error {
	data := filepath.Join(s.dir, "data")
	if out, err := exec.CommandContext(ctx, program, "init", "-D", data).CombinedOutput(); err != nil {
		return fmt.Errorf("metadb init: %w: %s", err, out)
	}
	pg := db.warehouse.server
	conf := fmt.Sprintf("[main]\nhost = %s\nport = %d\ndatabase = %s\nsuperuser = %s\nsuperuser_password = %s\n"+
		"systemuser = %s\nsystemuser_password = %s\nsslmode = disable\n",
		pg.Host(), pg.Port(), db.name, pg.User(), pg.Password(), pg.User(), pg.Password())
	if err := os.WriteFile(filepath.Join(data, "metadb.conf"), []byte(conf), 0o600); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return err
	}
	front := url.URL{
		Scheme: "postgres", User: url.UserPassword(pg.User(), pg.Password()),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Path: "/metadb", RawQuery: "sslmode=disable",
	}
	s.front = front.String()
	//nolint:noctx // ended by stop or kill
	s.cmd = exec.Command(program, "start", "-D", data, "-p", strconv.Itoa(port))
	var log io.Writer = &s.log
	if logFile != "" {
		file, err := os.OpenFile(logFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer file.Close() // the process has its own by then
		log = file
	}
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.exited)
	}()
	return nil
}

// await waits until the server accepts connections.
func (s *server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for tick := time.NewTicker(4 * pollPause); ; {
		err := s.exec(ctx, "SELECT 1")
		if err == nil {
			tick.Stop()
			return nil
		}
		select {
		case <-tick.C:
		case <-s.exited:
			return fmt.Errorf("the server ended:\n%s", s.tail())
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w", err)
		}
	}
}

// exec runs a statement through the server's front end.
func (s *server) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.front)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.PgConn().Exec(ctx, sql).ReadAll()
	return err
}

// stop ends the server as an operator would.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.exited:
		return s.err
	case <-time.After(startWait):
		return errors.New("the server does not end")
	}
}

// kill ends it at once, if it runs, and removes its directory.
func (s *server) kill() {
	_ = s.cmd.Process.Kill() // it may be gone already
	<-s.exited
	_ = os.RemoveAll(s.dir)
}

// tail is the end of the log of a server that was killed or has ended.
func (s *server) tail() string {
	_ = s.cmd.Process.Kill()
	<-s.exited
	lines := strings.Split(strings.TrimSpace(s.log.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
