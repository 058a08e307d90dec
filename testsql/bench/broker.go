package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// brokerProcess is the broker with the generated events.
type brokerProcess struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser // its closing, also by our end, ends the process
	addr  string
	end   int64 // generated records
}

// work is a topic of one partition, to be read to its end.
type work struct {
	name          string
	snapshot, end int64 // records of the snapshot, and all
}

// startBroker runs the broker and returns when it holds all events.
func startBroker(ctx context.Context, o options) (*brokerProcess, error) {
	load := fmt.Sprintf("snapshot=%d,updates=%d,partitions=%d", o.load.Snapshot, o.load.Updates, o.load.Partitions)
	//nolint:noctx // ended by the closing of its standard input
	p := &brokerProcess{cmd: exec.Command(o.brokerBin, "-with-parent", "-generate", load)}
	p.cmd.Stderr = os.Stderr
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
	stop := context.AfterFunc(ctx, func() { _ = p.stdin.Close() })
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
			p.addr = told.Address
		case "produced":
			p.end = told.Records
			return p, nil
		}
	}
	return nil, fmt.Errorf("broker ended: %w", p.cmd.Wait())
}

// close ends the process.
func (p *brokerProcess) close() {
	_ = p.stdin.Close()
	_ = p.cmd.Wait() // what it held is of no use any more
}
