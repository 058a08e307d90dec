// Command wire measures what port 8550 costs beside PostgreSQL itself and, where
// it is installed, pgbouncer in session mode.
//
// A fourth, which looks at nothing, shows what standing between costs at all. All
// stand in front of one PostgreSQL on this machine. In each round each of them is
// measured once, in turns, so that what else the machine does hits all
// alike; medians of the rounds are shown, with the ratio to PostgreSQL itself.
// Of COPY the processor time of the programs between is shown as well, which is
// steadier than the time on the clock. Then the server alone gets many idle sessions, to show what memory they take.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	metadb string
	before string
	socket bool
	tls    bool
	rounds int
	time   time.Duration // of one run of pgbench
	rows   int
	mb     int
	idle   int
	only   string
}

func main() {
	var o options
	flag.StringVar(&o.metadb, "metadb", "bin/metadb", "server program")
	flag.StringVar(&o.before, "before", "", "another server program, to compare with")
	flag.BoolVar(&o.socket, "socket", false, "another server, which reaches PostgreSQL by its Unix socket")
	flag.BoolVar(&o.tls, "tls", false, "encrypt all connections, with one certificate")
	flag.IntVar(&o.rounds, "n", 9, "rounds")
	flag.DurationVar(&o.time, "t", 2*time.Second, "time of one run of pgbench, whole seconds")
	flag.IntVar(&o.rows, "rows", 500_000, "rows of the large SELECT")
	flag.IntVar(&o.mb, "mb", 100, "megabytes of the COPY")
	flag.IntVar(&o.idle, "idle", 1000, "idle sessions")
	flag.StringVar(&o.only, "only", "", "run only the measurements whose names begin so")
	flag.Parse()
	// SIGPIPE too, or what was started would outlive the end of "| head".
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	defer stop()
	if err := run(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "wire:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to undo
	}
}

func run(ctx context.Context, out io.Writer, o options) (err error) {
	b, err := start(ctx, o)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.fill(ctx, o); err != nil {
		return err
	}
	names := make([]string, len(b.targets))
	for i, t := range b.targets {
		names[i] = t.name
	}
	for _, m := range measurements(o) {
		if len(m.name) < len(o.only) || m.name[:len(o.only)] != o.only {
			continue
		}
		got := make([][]float64, len(b.targets))
		used := make([][]float64, len(b.targets))
		for round := range o.rounds {
			for i := range b.targets {
				i = (i + round) % len(b.targets)
				before := cpuTime(b.targets[i].pid)
				v, err := m.run(ctx, b.targets[i])
				if err != nil {
					return fmt.Errorf("%s, %s: %w", m.name, b.targets[i].name, err)
				}
				got[i] = append(got[i], v)
				used[i] = append(used[i], (cpuTime(b.targets[i].pid) - before).Seconds())
			}
		}
		report(out, m, names, got)
		if m.gigabytes > 0 {
			reportCPU(out, m, b.targets, used)
		}
	}
	return b.idle(ctx, out, o.idle)
}

// report prints medians, and ratios to the first target.
func report(out io.Writer, m measurement, names []string, got [][]float64) {
	fmt.Fprintf(out, "%-22s", m.name)
	base := median(got[0])
	for i, values := range got {
		fmt.Fprintf(out, "  %s %.0f %s", names[i], median(values), m.unit)
		if i > 0 {
			fmt.Fprintf(out, " (%.2f)", median(values)/base)
		}
	}
	fmt.Fprintln(out)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
