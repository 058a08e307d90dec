package kafka

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"sync"
)

// process is one run of the broker's program.
type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser // its closing, also by our end, ends the program
	stderr bytes.Buffer   // to be read after exited

	ready    chan struct{} // closed when the broker can be reached
	produced chan struct{} // closed when everything has been produced
	exited   chan struct{} // closed when the process is gone

	// mu guards address and err.
	mu      sync.Mutex
	address string
	err     error
}

// launch starts the program.
func launch(path string, args ...string) (*process, error) {
	p := &process{
		cmd:      exec.Command(path, args...), //nolint:noctx // ended by Kill or by the closing of stdin
		ready:    make(chan struct{}),
		produced: make(chan struct{}),
		exited:   make(chan struct{}),
	}
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	go p.watch(out)
	return p, nil
}

// watch reads what the program tells, until it ends.
func (p *process) watch(out io.Reader) {
	defer close(p.exited)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var told struct{ Event, Address string }
		if err := json.Unmarshal(lines.Bytes(), &told); err != nil {
			continue
		}
		switch told.Event {
		case "ready":
			p.mu.Lock()
			p.address = told.Address
			p.mu.Unlock()
			close(p.ready)
		case "produced":
			close(p.produced)
		}
	}
	err := p.cmd.Wait()
	p.mu.Lock()
	p.err = fmt.Errorf("broker ended: %w: %s", err, p.stderr.Bytes())
	if err == nil {
		p.err = fmt.Errorf("broker ended: %s", p.stderr.Bytes())
	}
	p.mu.Unlock()
}

// await waits for a condition of the process.
func (p *process) await(ctx context.Context, condition <-chan struct{}) error {
	select {
	case <-condition:
		return nil
	case <-p.exited:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// kill ends the process at once and waits for its end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may be gone already
	<-p.exited
}
