package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// look reads how many records are applied.
func (s *soak) look(ctx context.Context) error {
	var n int64
	if err := s.watch.QueryRow(ctx, "SELECT coalesce(sum(next), 0)::bigint FROM metadb.source_offset").Scan(&n); err != nil {
		return fmt.Errorf("read positions: %w", err)
	}
	s.applied.Store(n)
	return nil
}

// take takes a sample. The source must be active.
func (s *soak) take(ctx context.Context, at time.Duration) error {
	p := sample{at: at}
	var state, reason string
	err := s.watch.QueryRow(ctx, "SELECT source_stream, reason, coalesce(lag, 0), coalesce(lag_seconds, 0)::float8 FROM metadb.status").
		Scan(&state, &reason, &p.lag, &p.lagSeconds)
	if err != nil {
		return fmt.Errorf("read status: %w", err)
	}
	if state != "active" {
		return fmt.Errorf("the source is %s after %s: %s", state, at.Round(time.Second), reason)
	}
	memory, _, err := s.server.Memory()
	if err != nil {
		return err
	}
	p.memory = float64(memory) / (1 << 20)
	p.statements, p.p95 = s.clients.look()
	p.applied = s.applied.Load()
	s.samples = append(s.samples, p)
	if n := len(s.samples); n%12 == 0 {
		_, _ = fmt.Fprintf(s.out, "%7s  applied %d  lag %d records, %.1f s  memory %.0f MB  p95 %s\n", at.Round(time.Second), p.applied, p.lag,
			p.lagSeconds, p.memory, p.p95.Round(100*time.Microsecond))
	}
	return nil
}

// forget takes applied records from the broker.
func (s *soak) forget(ctx context.Context) error {
	rows, err := s.watch.Query(ctx, "SELECT topic, next FROM metadb.source_offset")
	if err != nil {
		return fmt.Errorf("read positions: %w", err)
	}
	applied := make(map[string]int64)
	var topic string
	var next int64
	if _, err := pgx.ForEachRow(rows, []any{&topic, &next}, func() error { applied[topic] = next; return nil }); err != nil {
		return fmt.Errorf("read positions: %w", err)
	}
	return s.load.forget(ctx, applied)
}

// drain waits until everything that was sent is applied, as long as more is.
func (s *soak) drain(ctx context.Context) error {
	last, moved := int64(-1), time.Now()
	for {
		if err := s.look(ctx); err != nil {
			return err
		}
		n := s.applied.Load()
		if n >= s.load.sent.Load() {
			return nil
		}
		if n > last {
			last, moved = n, time.Now()
		}
		if time.Since(moved) > patience {
			return fmt.Errorf("nothing is applied any more: %d of %d", n, s.load.sent.Load())
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-s.server.Exited():
			return errors.New("the server ended")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// check compares the tables with what was sent: the versions of the current rows,
// and the number of all versions.
func (s *soak) check(ctx context.Context) error {
	var current, sum, all int64
	for table := range s.tables {
		var c, v, a int64
		name := fmt.Sprintf("soak.t%03d", table)
		err := s.watch.QueryRow(ctx, fmt.Sprintf("SELECT (SELECT count(*) FROM %s), (SELECT sum(version)::bigint FROM %s), (SELECT count(*) FROM %s__)",
			name, name, name)).Scan(&c, &v, &a)
		if err != nil {
			return fmt.Errorf("count rows of %s: %w", name, err)
		}
		current, sum, all = current+c, sum+v, all+a
	}
	if want := s.load.sum(); current != int64(s.tables*s.rows) || sum != want || all > want {
		return fmt.Errorf("%d current rows with versions of %d in sum, %d versions in all; %d rows and %d were sent", current, sum, all, s.tables*s.rows, want)
	}
	_, _ = fmt.Fprintf(s.out, "The tables hold what was sent: %d rows, %d changes.\n", current, sum)
	return nil
}
