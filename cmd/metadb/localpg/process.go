package localpg

import (
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

// errPortTaken says that the wanted port belongs to somebody else.
var errPortTaken = errors.New("port is taken")

const (
	// pollEvery is the pace at which a condition outside of this process is
	// looked at.
	pollEvery = 10 * time.Millisecond
	// drainTime is how long the log may stay open after the server's end.
	drainTime = 5 * time.Second
)

// process is one run of the server.
type process struct {
	cmd    *exec.Cmd
	data   string
	log    *tail
	exited chan struct{} // closed when the process is gone
	err    error         // how it ended; to be read after exited
}

// startProcess runs the server and waits until it is ready.
func startProcess(ctx context.Context, s *Server) (*process, error) {
	p := &process{
		data:   s.dir.data(),
		log:    &tail{to: s.opts.Log},
		exited: make(chan struct{}),
	}
	//nolint:noctx // it outlives ctx, which is for the start alone
	p.cmd = exec.Command(filepath.Join(s.bin, "postgres"),
		"-D", p.data,
		"-p", strconv.Itoa(s.opts.Port),
		"-c", "listen_addresses="+s.Host(),
		"-c", "unix_socket_directories="+s.dir.socket())
	p.cmd.Dir = p.data
	p.cmd.Env = childEnv()
	p.cmd.Stdout = p.log
	p.cmd.Stderr = p.log
	p.cmd.WaitDelay = drainTime
	p.cmd.SysProcAttr = procAttr(s.acct)
	if err := p.launch(); err != nil {
		return nil, err
	}
	if err := p.awaitReady(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// launch starts the process from a thread of its own, which stays until the
// process has ended: the kernel sends the signal of a parent's death when the
// *thread* that forked is gone.
func (p *process) launch() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := p.cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return <-started
}

// awaitReady waits until the server says in its pid file that it is ready.
func (p *process) awaitReady(ctx context.Context) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		if pid, status := readPidFile(p.data); pid == p.cmd.Process.Pid && status == "ready" {
			return nil
		}
		select {
		case <-ticker.C:
		case <-p.exited:
			return p.whyEnded()
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), p.crash())
		}
	}
}

// whyEnded tells why the process is gone, with the end of its log.
func (p *process) whyEnded() error {
	text := p.log.String()
	if strings.Contains(text, "could not bind") || strings.Contains(text, "Address already in use") {
		return fmt.Errorf("%w: %s", errPortTaken, text)
	}
	return fmt.Errorf("the server ended (%w): %s", p.err, text)
}

// running says whether the process is still there.
func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// signal sends a signal, and takes a process already gone for success.
func (p *process) signal(signal syscall.Signal) error {
	err := p.cmd.Process.Signal(signal)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
