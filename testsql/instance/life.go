package instance

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"metadb/testsql/poll"
	"metadb/testsql/process"
)

// Bounds of waiting: for the server to begin or end, and for a condition.
const (
	startWait = 60 * time.Second
	pollPause = 20 * time.Millisecond
)

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
