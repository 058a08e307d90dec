package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"

	"metadb/testsql/broker"
)

// topic is the broker's process with the generated events.
type topic struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser // its closing, also by our end, ends the process
	addr  string
	name  string
	end   int64 // records in it
}

// startBroker runs the broker and returns when it holds all events.
func startBroker(ctx context.Context, o options) (*topic, error) {
	load := fmt.Sprintf("snapshot=%d,updates=%d,partitions=%d", o.load.Snapshot, o.load.Updates, o.load.Partitions)
	//nolint:noctx // ended by the closing of its standard input
	t := &topic{cmd: exec.Command(o.broker, "-with-parent", "-generate", load), name: broker.Topic}
	t.cmd.Stderr = os.Stderr
	out, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if t.stdin, err = t.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := t.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = t.stdin.Close() })
	defer stop()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var told struct {
			Event, Address string
			Records        int64
		}
		if err := json.Unmarshal(lines.Bytes(), &told); err != nil {
			return nil, fmt.Errorf("broker: %w", err)
		}
		switch told.Event {
		case "ready":
			t.addr = told.Address
		case "produced":
			t.end = told.Records
			return t, nil
		}
	}
	return nil, fmt.Errorf("broker ended: %w", t.cmd.Wait())
}

// close ends the process.
func (t *topic) close() {
	_ = t.stdin.Close()
	_ = t.cmd.Wait() // what it held is of no use any more
}
