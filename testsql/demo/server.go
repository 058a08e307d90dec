package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Bounds of waiting for the server's start and end.
const (
	startTime = 60 * time.Second
	stopTime  = 10 * time.Second
	startPoll = 20 * time.Millisecond
)

// server is the running bin/metadb.
type server struct {
	cmd    *exec.Cmd
	log    string        // its file
	exited chan struct{} // closed when the process is gone
	err    error         // how it ended; to be read after exited
}

// initServer makes a data directory in dir for the server to work on.
func initServer(ctx context.Context, bin, dir string, w *warehouse) error {
	if _, err := os.Stat(bin); err != nil {
		return fmt.Errorf("the server is not built (make build): %w", err)
	}
	data := filepath.Join(dir, dataDir)
	if out, err := exec.CommandContext(ctx, bin, "init", "-D", data).CombinedOutput(); err != nil {
		return fmt.Errorf("metadb init: %w: %s", err, bytes.TrimSpace(out))
	}
	return writeConf(filepath.Join(data, "metadb.conf"), w)
}

// dataDir is the server's data directory, in the demo's own.
const dataDir = "data"

// startServer starts the server and returns when it accepts connections.
func startServer(ctx context.Context, bin, dir string, port int) (*server, error) {
	s := &server{log: filepath.Join(dir, "server.log"), exited: make(chan struct{})}
	if err := os.Remove(s.log); err != nil && !errors.Is(err, os.ErrNotExist) { // of an earlier try
		return nil, err
	}
	//nolint:noctx // ended by stop, gently
	s.cmd = exec.Command(bin, "start", "-D", filepath.Join(dir, dataDir), "-p", strconv.Itoa(port), "-l", s.log)
	s.cmd.Dir = dir
	s.cmd.SysProcAttr = childAttr()
	if err := s.launch(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	if err := s.awaitReady(ctx); err != nil {
		_ = s.stop()
		return nil, err
	}
	return s, nil
}

// writeConf fills in what "metadb init" left open.
func writeConf(path string, w *warehouse) error {
	text := fmt.Sprintf(`[main]
host = %s
port = %d
database = %s
superuser = %s
superuser_password = %s
systemuser = %s
systemuser_password = %s
sslmode = disable
`, w.pg.Host(), w.pg.Port(), database, w.pg.User(), w.pg.Password(), systemUser, w.systemPassword)
	return os.WriteFile(path, []byte(text), 0o600)
}

// launch starts the process from a thread that lives as long as it does: the
// kernel ends the child when the thread that made it is gone.
func (s *server) launch() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := s.cmd.Start()
		started <- err
		if err == nil {
			s.err = s.cmd.Wait()
			close(s.exited)
		}
	}()
	return <-started
}

// ready is the line in the log after which the server accepts connections.
const ready = "server is ready to accept connections"

// awaitReady waits until the server accepts connections. Its log tells, and not
// its port, which might be another's.
func (s *server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	tick := time.NewTicker(startPoll)
	defer tick.Stop()
	for !strings.Contains(s.lastLines(), ready) {
		select {
		case <-tick.C:
		case <-s.exited:
			return s.died()
		case <-ctx.Done():
			return fmt.Errorf("the server does not start (%w): %s", context.Cause(ctx), s.lastLines())
		}
	}
	return nil
}

// stop ends the server as "metadb stop" does, and waits.
func (s *server) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // an error says that it is gone
	patience := time.NewTimer(stopTime)
	defer patience.Stop()
	select {
	case <-s.exited:
		return nil
	case <-patience.C:
		_ = s.cmd.Process.Kill()
		<-s.exited
		return fmt.Errorf("the server did not stop: %s", s.lastLines())
	}
}

// errPortTaken says that the wanted port belongs to somebody else.
var errPortTaken = errors.New("the port is taken")

// died says why the server is gone.
func (s *server) died() error {
	if log := s.lastLines(); strings.Contains(log, syscall.EADDRINUSE.Error()) {
		return fmt.Errorf("%w: %s", errPortTaken, log)
	}
	return fmt.Errorf("the server ended (%v): %s", s.err, s.lastLines())
}

// lastLines is the end of the server's log.
func (s *server) lastLines() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "\n" + strings.Join(lines[max(0, len(lines)-20):], "\n")
}
