package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Bounds of waiting for the server's start and end.
const (
	startTime = time.Minute
	stopTime  = time.Minute
	startPoll = 20 * time.Millisecond
)

// ErrPortTaken says that the wanted port belongs to somebody else.
var ErrPortTaken = errors.New("the port is taken")

// Server is a running server. It ends with the process that started it, even if
// that is killed (on Linux).
type Server struct {
	cmd    *exec.Cmd
	log    string // its file
	from   int64  // where its lines begin
	exited chan struct{}
	err    error // how it ended; to be read after exited
}

// Start starts the server on a data directory and returns when it accepts
// connections. Its log is appended to a file.
func Start(ctx context.Context, program, dir, log string, port int) (*Server, error) {
	file, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close() // the process has its own by then
	s := &Server{log: log, exited: make(chan struct{})}
	if s.from, err = file.Seek(0, io.SeekEnd); err != nil {
		return nil, err
	}
	//nolint:noctx // ended by Stop, gently
	s.cmd = exec.Command(program, "start", "-D", dir, "-p", strconv.Itoa(port))
	s.cmd.Stdout, s.cmd.Stderr = file, file
	s.cmd.SysProcAttr = childAttr()
	if err := s.launch(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	if err := s.awaitReady(ctx); err != nil {
		s.Kill()
		return nil, err
	}
	return s, nil
}

// launch starts the process from a thread that lives as long as it does: the
// kernel ends the child when the thread that made it is gone.
func (s *Server) launch() error {
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
func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	tick := time.NewTicker(startPoll)
	defer tick.Stop()
	for !strings.Contains(s.Tail(), ready) {
		select {
		case <-tick.C:
		case <-s.exited:
			return s.Err()
		case <-ctx.Done():
			return fmt.Errorf("the server does not start (%w): %s", context.Cause(ctx), s.Tail())
		}
	}
	return nil
}

// PID is the number of the process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Exited is closed when the process is gone.
func (s *Server) Exited() <-chan struct{} { return s.exited }

// Err says why the server, which has exited, is gone.
func (s *Server) Err() error {
	if log := s.Tail(); strings.Contains(log, syscall.EADDRINUSE.Error()) {
		return fmt.Errorf("%w: %s", ErrPortTaken, log)
	}
	if s.err == nil {
		return fmt.Errorf("the server ended: %s", s.Tail())
	}
	return fmt.Errorf("the server ended (%w): %s", s.err, s.Tail())
}

// CPU is the time that the server, which has exited, has used of all processors.
func (s *Server) CPU() time.Duration {
	return s.cmd.ProcessState.UserTime() + s.cmd.ProcessState.SystemTime()
}

// Stop ends the server as metadb stop does, and waits. It is no error when the server
// is gone already.
func (s *Server) Stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // an error says that it is gone
	patience := time.NewTimer(stopTime)
	defer patience.Stop()
	select {
	case <-s.exited:
		return nil
	case <-patience.C:
		s.Kill()
		return fmt.Errorf("the server did not stop: %s", s.Tail())
	}
}

// Kill ends the server at once, if it runs.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill() // it may be gone already
	<-s.exited
}

// tailLines are those of Tail.
const tailLines = 20

// Tail is the end of the server's log, each line after a line break.
func (s *Server) Tail() string {
	file, err := os.Open(s.log)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	text, err := io.ReadAll(io.NewSectionReader(file, s.from, 1<<62))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "\n" + strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}
