package process

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// What a broker tells.
const (
	BrokerReady    = "ready"    // it accepts connections
	BrokerProduced = "produced" // it holds the events it was told to generate
)

// Broker is a Kafka broker. It ends with the process that started it.
type Broker struct {
	Addr    string
	Records int64 // generated ones

	cmd   *exec.Cmd
	stdin io.WriteCloser // its closing, also by our end, ends the process
}

// StartBroker runs the broker's program until Close, and returns when it has told
// an event.
func StartBroker(ctx context.Context, program, event string, args ...string) (*Broker, error) {
	//nolint:noctx // ended by the closing of its standard input: what is on its way to it is to arrive
	b := &Broker{cmd: exec.Command(program, append([]string{"-with-parent"}, args...)...)}
	b.cmd.Stderr = os.Stderr
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if b.stdin, err = b.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := b.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = b.stdin.Close() })
	defer stop()
	if err := b.await(out, event); err != nil {
		b.Close()
		return nil, err
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
	return b, nil
}

// await reads what the broker tells, up to an event.
func (b *Broker) await(out io.Reader, event string) error {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var told struct {
			Event, Address string
			Records        int64
		}
		if err := json.Unmarshal(lines.Bytes(), &told); err != nil {
			return fmt.Errorf("broker: %w", err)
		}
		switch told.Event {
		case BrokerReady:
			b.Addr = told.Address
		case BrokerProduced:
			b.Records = told.Records
		}
		if told.Event == event {
			return nil
		}
	}
	return fmt.Errorf("the broker ended before it told %q", event)
}

// Close ends the process.
func (b *Broker) Close() {
	_ = b.stdin.Close()
	_ = b.cmd.Wait() // what it held is of no use any more
}
