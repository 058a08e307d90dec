// Command soak keeps a server at a share of its peak for a long time, with many
// tables and many SQL sessions beside, and fails unless lag and memory stay flat.
//
// It first fills the tables, then measures the peak: how many changes a second the
// server applies when more are waiting, on this machine and with the sessions at
// work. Then it sends a share of that, evenly, and takes samples. At the end the
// tables must hold what was sent.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	metadb, broker string // programs
	dir            string // of warehouse and data directory; a temporary one when empty
	time           time.Duration
	peakTime       time.Duration
	share          float64
	tables, rows   int
	sessions       int
	think          time.Duration
	sample         time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.metadb, "metadb", "bin/metadb", "server program")
	flag.StringVar(&o.broker, "broker", "bin/broker", "broker program")
	flag.DurationVar(&o.time, "time", 30*time.Minute, "how long the load lasts")
	flag.DurationVar(&o.peakTime, "peak-time", 30*time.Second, "how long the peak is measured")
	flag.Float64Var(&o.share, "share", 0.7, "share of the peak that is sent")
	flag.IntVar(&o.tables, "tables", 200, "tables, each with a topic of its own")
	flag.IntVar(&o.rows, "rows", 500, "rows of each table")
	flag.IntVar(&o.sessions, "sessions", 20, "SQL sessions through the server")
	flag.DurationVar(&o.think, "think", 200*time.Millisecond, "pause of a session between two statements")
	flag.DurationVar(&o.sample, "sample", 5*time.Second, "time between two samples")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to undo
	}
}
