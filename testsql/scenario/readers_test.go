package scenario

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// check is a statement that must answer 0 at any moment, whatever happens to the server.
type check struct{ what, sql string }

// wholeStates are the checks of a recording: of a table whose rows come and go, and of
// one whose rows are only updated, so that each key is current from its beginning on.
func wholeStates(recording string) []check {
	busy, key, updated, updatedKey := "shop.customers", "id", "shop.counters", "name"
	if recording != shop.Capture {
		busy, key, updated, updatedKey = "h.acct", "id", "h.toggle", "id"
	}
	return []check{
		{"keys that are current twice", fmt.Sprintf("SELECT count(*) FROM (SELECT FROM %s GROUP BY %s HAVING count(*) > 1) x", busy, key)},
		{"versions that overlap", fmt.Sprintf(`SELECT count(*) FROM %[1]s__ a JOIN %[1]s__ b
			ON a.%[2]s = b.%[2]s AND a.__id < b.__id AND a.__start < b.__end AND b.__start < a.__end`, busy, key)},
		{"gaps between versions", fmt.Sprintf(`SELECT count(*) FROM (SELECT __end, lead(__start, 1, __end) OVER
			(PARTITION BY %[2]s ORDER BY __start, __id) AS next FROM %[1]s__) v WHERE next <> __end`, updated, updatedKey)},
		{"keys that are not current", fmt.Sprintf(`SELECT count(DISTINCT %[2]s) - count(*) FILTER (WHERE __current) FROM %[1]s__`, updated, updatedKey)},
	}
}

// Each check must have been made so often; behind each is a pause, which leaves the server
// room to work.
const (
	leastReads = 10
	readPause  = 20 * time.Millisecond
)

// readBeside makes each check, beside the server, in a loop of its own, from before the tables are there,
// until stop is called, which waits until each was made often enough.
func (s *stage) readBeside(checks []check) (stop func()) {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	enough := make(chan struct{}, len(checks))
	var readers sync.WaitGroup
	for _, c := range checks {
		conn := s.Conn()
		readers.Go(func() {
			for reads := 0; ctx.Err() == nil; {
				if s.made(ctx, conn, c) {
					if reads++; reads == leastReads {
						enough <- struct{}{}
					}
				}
				select {
				case <-time.After(readPause):
				case <-ctx.Done():
				}
			}
		})
	}
	return func() {
		s.Helper()
		late := time.After(settle)
		for range checks {
			select {
			case <-enough:
			case <-late:
				s.Errorf("not every check was made %d times", leastReads)
			}
		}
		cancel()
		readers.Wait()
	}
}

// made makes a check; false while there is no such table yet, or at the end.
func (s *stage) made(ctx context.Context, conn *pgx.Conn, c check) bool {
	var n int
	err := conn.QueryRow(ctx, c.sql).Scan(&n)
	var pg *pgconn.PgError
	switch {
	case ctx.Err() != nil, errors.As(err, &pg) && pg.Code == "42P01":
		return false
	case err != nil:
		s.Errorf("%s: %v", c.what, err)
	case n != 0:
		s.Errorf("%s: %d", c.what, n)
	}
	return true
}
