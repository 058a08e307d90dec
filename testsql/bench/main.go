// Command bench measures the server against a floor: the least work that puts the
// same events into the same tables.
//
// One run takes the same generated topic twice. The floor is a bare pipe in this
// program, one goroutine that reads the topic, cuts the few values out of each
// record by the generator's fixed layout and writes them. The server is a process
// of its own, told to read the topic by CREATE DATA SOURCE. Both begin with an
// empty database of one PostgreSQL server with settings like a real one's, and
// both are measured by the same rule, from their first commit to the one that
// ends a phase. After a run the rows of both are counted and compared.
//
// Then the server alone reads a topic of documents and one of large values, to
// show what memory it takes.
//
// It prints tables of events a second. No time is demanded: the exit code is 0
// unless something is wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"metadb/testsql/broker"
	"metadb/testsql/process"
)

// options are the flags.
type options struct {
	load      broker.Load
	repeat    int
	batch     int
	programs  []string // servers to measure, for instance one before and one after a change
	brokerBin string   // program
	serverLog string
	noFloor   bool
	noLarge   bool
}

func main() {
	var o options
	flag.IntVar(&o.load.Snapshot, "snapshot", 200_000, "rows of the snapshot")
	flag.IntVar(&o.load.Updates, "updates", 50_000, "updates after it, of rows drawn at random from the first 51,000")
	flag.IntVar(&o.repeat, "n", 3, "runs of each")
	flag.IntVar(&o.batch, "batch", 3000, "records that the floor commits together")
	metadb := flag.String("metadb", "bin/metadb", "server program; several, separated by commas, take turns")
	flag.StringVar(&o.brokerBin, "broker", "bin/broker", "broker program")
	flag.StringVar(&o.serverLog, "server-log", "", "file for the server's log (default: none)")
	flag.BoolVar(&o.noFloor, "no-floor", false, "leave the floor out")
	flag.BoolVar(&o.noLarge, "no-large", false, "leave documents and large values out")
	flag.Parse()
	o.programs = strings.Split(*metadb, ",")
	o.load.Partitions = 1
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to undo
	}
}

// run prepares broker and warehouse and measures.
func run(ctx context.Context, out io.Writer, o options) (err error) {
	if o.load.Snapshot < 1 || o.load.Updates < 0 || o.repeat < 1 || o.batch < 1 {
		return errors.New("sizes must be positive")
	}
	load := fmt.Sprintf("snapshot=%d,updates=%d,partitions=%d", o.load.Snapshot, o.load.Updates, o.load.Partitions)
	events, err := process.StartBroker(ctx, o.brokerBin, process.BrokerProduced, "-generate", load)
	if err != nil {
		return err
	}
	defer events.Close()
	w, err := startWarehouse(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	head, err := header(ctx, w)
	if err != nil {
		return err
	}
	fmt.Fprint(out, head)
	b := &bench{
		options: o, broker: events, warehouse: w, out: out,
		item: work{broker.Topic, int64(o.load.Snapshot), events.Records},
	}
	if err := b.warmUp(ctx); err != nil {
		return err
	}
	for i := range o.repeat {
		if err := b.round(ctx, i); err != nil {
			return err
		}
	}
	b.results.print(out)
	if o.noLarge {
		return nil
	}
	return b.large(ctx)
}

// work is a topic of one partition, to be read to its end.
type work struct {
	name          string
	snapshot, end int64 // records of the snapshot, and all
}

// bench is the state of one program run.
type bench struct {
	options
	broker    *process.Broker
	item      work
	warehouse *warehouse
	out       io.Writer
	results   results
}

// warmUp runs the floor once and forgets it: the first run finds cold caches.
func (b *bench) warmUp(ctx context.Context) error {
	db, err := b.warehouse.create(ctx)
	if err != nil {
		return err
	}
	if _, err := b.runFloor(ctx, db); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	return db.drop(ctx)
}

// side is one of those that are compared.
type side struct {
	name string
	run  func(context.Context, *database) (outcome, error)
}

func (b *bench) sides() []side {
	var sides []side
	if !b.noFloor {
		sides = append(sides, side{floorName, b.runFloor})
	}
	for _, program := range b.programs {
		sides = append(sides, side{filepath.Base(program), func(ctx context.Context, db *database) (outcome, error) {
			return b.runMetadb(ctx, program, db, b.item)
		}})
	}
	return sides
}

// round runs every side once, in the other order than the round before. All must
// leave the same rows.
func (b *bench) round(ctx context.Context, i int) error {
	sides := b.sides()
	if i%2 == 1 {
		slices.Reverse(sides)
	}
	var first contents
	for n, s := range sides {
		db, err := b.warehouse.create(ctx)
		if err != nil {
			return err
		}
		got, err := s.run(ctx, db)
		if err != nil {
			return fmt.Errorf("run %d of %s: %w", i+1, s.name, err)
		}
		rows, err := db.contents(ctx)
		if err != nil {
			return err
		}
		if err := rows.check(b.load); err != nil {
			return fmt.Errorf("run %d of %s: %w", i+1, s.name, err)
		}
		if n == 0 {
			first = rows
		} else if rows != first {
			return fmt.Errorf("run %d: the rows of %s and %s differ: %+v, %+v", i+1, sides[0].name, s.name, first, rows)
		}
		if err := db.drop(ctx); err != nil {
			return err
		}
		b.results.add(s.name, got)
		fmt.Fprintf(b.out, "run %d  %-8s  snapshot %7.0f/s  updates %7.0f/s  %s\n", i+1, s.name, got.snapshot, got.updates, got.notes())
	}
	return nil
}
