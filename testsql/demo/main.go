// Command demo runs a complete pipeline on this machine: a throw-away
// PostgreSQL, a Kafka broker that plays a recording, and the built server between
// them. It prints a psql line to look at the result with, and leaves nothing
// behind.
//
// It lives here and not in the metadb binary because broker and recordings are
// for tests; docs/adr/001-demo-outside-of-the-binary.md has the reasons.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// options are the flags.
type options struct {
	metadb string
	port   int
	rate   int
	once   bool
}

func main() {
	var o options
	flag.StringVar(&o.metadb, "metadb", "bin/metadb", "the server's binary, as \"make build\" makes it")
	flag.IntVar(&o.port, "port", 0, "port of the server (default: 8550 if it is free, else any)")
	flag.IntVar(&o.rate, "rate", 700, "records a second to play (0: no limit)")
	flag.BoolVar(&o.once, "once", false, "end when the recording is in the warehouse")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil && !errors.Is(err, errStopped) {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to undo
	}
}
