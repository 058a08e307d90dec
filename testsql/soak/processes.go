package main

import (
	"bufio"
	"context"
	"encoding/json"
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

	"metadb/cmd/metadb/localpg"
)

// patience bounds each wait for a process.
const patience = time.Minute

// settings of the warehouse: those of a real server of modest size.
func settings() map[string]string {
	return map[string]string{
		"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "shared_buffers": "512MB", "max_wal_size": "4GB", "min_wal_size": "1GB",
	}
}

// startBroker runs an empty broker, until stop or our own end, and returns its
// address.
func startBroker(program string) (addr string, stop func(), err error) {
	//nolint:noctx // what is on its way to it is to arrive, also at the end
	cmd := exec.Command(program, "-with-parent")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("start broker: %w", err)
	}
	stop = func() {
		_ = stdin.Close()
		_ = cmd.Wait() // what it held is of no use any more
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var told struct{ Address string }
	if err == nil {
		err = json.Unmarshal(line, &told)
	}
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("broker: %w", err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
	return told.Address, stop, nil
}

// server is the server under load.
type server struct {
	cmd    *exec.Cmd
	url    string // of a superuser through the server
	log    string // its file
	exited chan struct{}
}

// startServer makes a data directory in dir and returns when the server on it
// accepts connections.
func startServer(ctx context.Context, program, dir string, pg *localpg.Server, database string) (*server, error) {
	data := filepath.Join(dir, "data")
	if out, err := exec.CommandContext(ctx, program, "init", "-D", data).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("metadb init: %w: %s", err, out)
	}
	conf := fmt.Sprintf("[main]\nhost = %s\nport = %d\ndatabase = %s\nsuperuser = %s\nsuperuser_password = %s\n"+
		"systemuser = %s\nsystemuser_password = %s\nsslmode = disable\n",
		pg.Host(), pg.Port(), database, pg.User(), pg.Password(), pg.User(), pg.Password())
	if err := os.WriteFile(filepath.Join(data, "metadb.conf"), []byte(conf), 0o600); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return nil, err
	}
	front := url.URL{
		Scheme: "postgres", User: url.UserPassword(pg.User(), pg.Password()),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Path: "/metadb", RawQuery: "sslmode=disable",
	}
	s := &server{url: front.String(), log: filepath.Join(dir, "server.log"), exited: make(chan struct{})}
	//nolint:noctx // ended by stop
	s.cmd = exec.Command(program, "start", "-D", data, "-p", strconv.Itoa(port), "-l", s.log)
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.exited)
	}()
	for deadline := time.Now().Add(patience); ; {
		conn, err := pgx.Connect(ctx, s.url)
		if err == nil {
			return s, conn.Close(ctx)
		}
		select {
		case <-s.exited:
			return nil, errors.New("the server ended: " + s.tail())
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if time.Now().After(deadline) {
			_ = s.stop()
			return nil, fmt.Errorf("the server does not answer: %w", err)
		}
	}
}

// memory is the server's resident memory in MB.
func (s *server) memory() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			return float64(kb) / 1024, err
		}
	}
	return 0, errors.New("no VmRSS of the server")
}

// stop ends the server as an operator would.
func (s *server) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // an error says that it is gone
	select {
	case <-s.exited:
		return nil
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		<-s.exited
		return errors.New("the server did not stop: " + s.tail())
	}
}

// tail is the end of the server's log.
func (s *server) tail() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "\n" + strings.Join(lines[max(0, len(lines)-20):], "\n")
}
