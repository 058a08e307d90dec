package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"metadb/cmd/metadb/localpg"
	"metadb/testsql/process"
)

const database = "soak"

// patience bounds each wait for progress.
const patience = time.Minute

// soak is the state of one run.
type soak struct {
	options
	out     io.Writer
	server  *process.Server
	url     string // of a superuser through the server
	load    *load
	clients *sessions
	watch   *pgx.Conn    // of the warehouse
	applied atomic.Int64 // records
	samples []sample
}

// run sets everything up, runs the load and judges it.
func run(ctx context.Context, out io.Writer, o options) (err error) {
	if o.time < minSamples*o.sample || o.tables < 1 || o.rows < 1 || o.share <= 0 {
		return fmt.Errorf("the load must last %d samples at least, and have tables with rows", minSamples)
	}
	dir, err := os.MkdirTemp(o.dir, "metadb-soak-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	pg, err := localpg.Start(ctx, localpg.Options{Settings: settings()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pg.Close()) }()
	admin, err := pgx.Connect(ctx, pg.URL("postgres"))
	if err != nil {
		return err
	}
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+database); err != nil {
		return errors.Join(err, admin.Close(ctx))
	}
	if err := admin.Close(ctx); err != nil {
		return err
	}
	broker, err := process.StartBroker(ctx, o.broker, process.BrokerReady)
	if err != nil {
		return err
	}
	defer broker.Close()
	s := &soak{options: o, out: out}
	if err := s.start(ctx, dir, process.In(pg, database)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.server.Stop()) }()
	if s.watch, err = pgx.Connect(ctx, pg.URL(database)); err != nil {
		return err
	}
	defer func() { _ = s.watch.Close(context.WithoutCancel(ctx)) }()
	if s.load, err = newLoad(ctx, broker.Addr, o.tables, o.rows); err != nil {
		return err
	}
	defer s.load.client.Close()
	s.clients = &sessions{url: s.url, tables: o.tables, rows: o.rows, think: o.think}
	if err := s.steps(ctx, broker.Addr); err != nil {
		return fmt.Errorf("%w\nserver log:%s", err, s.server.Tail())
	}
	return nil
}

// steps are the phases of a run.
func (s *soak) steps(ctx context.Context, addr string) error {
	if err := s.begin(ctx, addr); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.clients.run(ctx, s.sessions) })
	group.Go(func() error {
		defer cancel()
		return s.phases(ctx)
	})
	return group.Wait()
}

// begin fills the tables and waits until all of it is applied.
func (s *soak) begin(ctx context.Context, addr string) error {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.PgConn().Exec(ctx, fmt.Sprintf("CREATE DATA SOURCE soak TYPE kafka OPTIONS (brokers '%s', security 'plaintext', "+
		`topics '^soak\.', consumer_group 'soak')`, addr)).ReadAll()
	if err != nil {
		return fmt.Errorf("create data source: %w", err)
	}
	began := time.Now()
	if err := s.load.fill(ctx); err != nil {
		return err
	}
	if err := s.drain(ctx); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(s.out, "%d tables with %d rows each after %s\n", s.tables, s.rows, time.Since(began).Round(time.Second))
	return nil
}

// phases measures the peak, then runs the load, then looks at what came of it.
func (s *soak) phases(ctx context.Context) error {
	peak, err := s.peak(ctx)
	if err != nil {
		return fmt.Errorf("measure the peak: %w", err)
	}
	rate := s.share * peak
	_, _ = fmt.Fprintf(s.out, "peak %.0f changes/s; sending %.0f/s for %s\n", peak, rate, s.time)
	s.clients.look()
	began := time.Now()
	err = s.during(ctx, s.time, rate, func(ctx context.Context) error {
		if err := s.take(ctx, time.Since(began)); err != nil {
			return err
		}
		return s.forget(ctx)
	})
	if err != nil {
		return err
	}
	if err := s.drain(ctx); err != nil {
		return err
	}
	report(s.out, s.options, peak, rate, s.samples)
	return errors.Join(judge(s.samples), s.check(ctx))
}

// peak is how many changes a second are applied while more are waiting.
func (s *soak) peak(ctx context.Context) (float64, error) {
	type point struct {
		at      time.Time
		applied int64
	}
	var points []point
	err := s.during(ctx, s.peakTime, 0, func(ctx context.Context) error {
		points = append(points, point{time.Now(), s.applied.Load()})
		return s.forget(ctx)
	})
	if err != nil {
		return 0, err
	}
	if len(points) < 3 {
		return 0, errors.New("too short")
	}
	first, last := points[0], points[len(points)-1]
	if last.applied == first.applied {
		return 0, errors.New("nothing is applied")
	}
	return float64(last.applied-first.applied) / last.at.Sub(first.at).Seconds(), s.drain(ctx)
}

// backlog is how many records wait while the peak is measured.
const backlog = 50_000

// during sends a rate for a time and calls each at every sample. Rate 0 keeps
// records waiting.
func (s *soak) during(ctx context.Context, d time.Duration, rate float64, each func(context.Context) error) error {
	sending, stop := context.WithTimeout(ctx, d)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer stop()
		return s.load.updates(sending, rate, backlog, s.applied.Load)
	})
	group.Go(func() error {
		look, sample := time.NewTicker(100*time.Millisecond), time.NewTicker(s.sample)
		defer look.Stop()
		defer sample.Stop()
		for {
			select {
			case <-look.C:
				if err := s.look(ctx); err != nil {
					return err
				}
			case <-sample.C:
				if err := each(ctx); err != nil {
					return err
				}
			case <-s.server.Exited():
				return errors.New("the server ended")
			case <-sending.Done():
				return ctx.Err()
			}
		}
	})
	return group.Wait()
}
