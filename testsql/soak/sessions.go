package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// sessions are SQL clients of the server, each with a connection of its own.
type sessions struct {
	url          string
	tables, rows int
	think        time.Duration

	// mu guards taken, how long each statement took since the last look.
	mu    sync.Mutex
	taken []time.Duration
}

// run keeps n sessions at work until ctx ends, or fails with the first error.
func (s *sessions) run(ctx context.Context, n int) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range n {
		group.Go(func() error {
			if err := s.session(ctx, i); err != nil && ctx.Err() == nil {
				return fmt.Errorf("session %d: %w", i+1, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// session asks what users ask: a row, its history, a count, how fresh it all is.
func (s *sessions) session(ctx context.Context, i int) error {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	random := rand.New(rand.NewPCG(3, uint64(i))) //nolint:gosec // repeatable on purpose
	for n := i; ; n++ {
		table, id := fmt.Sprintf("soak.t%03d", random.IntN(s.tables)), random.IntN(s.rows)+1
		var sql string
		switch n % 8 {
		case 0:
			sql = "LIST STATUS"
		case 1:
			sql = "SELECT table_name, freshness, rows_estimate FROM metadb.table_status WHERE table_name = 't001'"
		case 2:
			sql = "SELECT count(*) FROM " + table
		case 3:
			sql = fmt.Sprintf("SELECT __start, version FROM %s__ WHERE id = %d ORDER BY __start DESC LIMIT 20", table, id)
		default:
			sql = fmt.Sprintf("SELECT id, version, title FROM %s WHERE id = %d", table, id)
		}
		began := time.Now()
		if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
		s.note(time.Since(began))
		select {
		case <-time.After(s.think):
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *sessions) note(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = append(s.taken, d)
}

// look gives the number of statements since the last look, and the time that 95 of
// 100 stayed below.
func (s *sessions) look() (n int, p95 time.Duration) {
	s.mu.Lock()
	taken := s.taken
	s.taken = nil
	s.mu.Unlock()
	if len(taken) == 0 {
		return 0, 0
	}
	slices.Sort(taken)
	return len(taken), taken[len(taken)*95/100]
}
