// Command broker runs a Kafka broker for tests and benchmarks, and fills it
// with recordings or generated events.
//
// It prints one line of JSON when it can be reached ({"event":"ready",
// "address":…}) and one when everything has been produced
// ({"event":"produced","records":…}).
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"metadb/testsql/broker"
)

// options are the flags.
type options struct {
	port       int
	data       string
	play       string
	generate   string
	rate       int
	withParent bool
}

func main() {
	var o options
	flag.IntVar(&o.port, "port", 0, "port on 127.0.0.1 (0: any)")
	flag.StringVar(&o.data, "data", "", "directory to keep topics and groups in (default: memory only)")
	flag.StringVar(&o.play, "play", "", "recordings to produce, separated by commas")
	flag.StringVar(&o.generate, "generate", "", "events to produce, such as snapshot=200000,updates=50000,partitions=1")
	flag.IntVar(&o.rate, "rate", 0, "records a second (0: no limit)")
	flag.BoolVar(&o.withParent, "with-parent", false, "end when standard input is closed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "broker:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to undo
	}
}

// run runs the broker until ctx ends.
func run(ctx context.Context, o options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.withParent {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin) // ends when the parent does
			cancel()
		}()
	}
	b, err := broker.Start(ctx, o.port, o.data)
	if err != nil {
		return err
	}
	defer b.Close()
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(map[string]string{"event": "ready", "address": b.Addr()}); err != nil {
		return err
	}
	counts, err := fill(ctx, b.Addr(), o)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	if err := out.Encode(struct {
		Event string `json:"event"`
		broker.Counts
	}{"produced", counts}); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// fill produces what the flags ask for.
func fill(ctx context.Context, addr string, o options) (broker.Counts, error) {
	total := broker.Counts{Topics: map[string]int{}}
	if o.play != "" {
		counts, err := broker.Play(ctx, addr, strings.Split(o.play, ","), o.rate)
		if err != nil {
			return total, err
		}
		total = counts
	}
	if o.generate != "" {
		load, err := broker.ParseLoad(o.generate)
		if err != nil {
			return total, err
		}
		counts, err := broker.Generate(ctx, addr, load, o.rate)
		if err != nil {
			return total, err
		}
		total.Records += counts.Records
		total.Skipped += counts.Skipped
		for topic, n := range counts.Topics {
			total.Topics[topic] += n
		}
	}
	return total, nil
}
