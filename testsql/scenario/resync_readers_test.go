package scenario

import (
	"context"
	"fmt"
	"regexp"
	"sync"

	"github.com/jackc/pgx/v5"
)

// readers read through the server's port all the time, until the returned function is
// called: no key that lives in the source all the time is ever missing, none is
// current twice, and no two versions overlap.
func (s *stage) readers(r resync) (stop func()) {
	s.Helper()
	stays := s.staying(r)
	history := r.watched + "__"
	checks := []struct {
		what, sql string
		args      []any
	}{
		{"keys that are missing", "SELECT count(*) FROM unnest($1::bigint[]) k WHERE NOT EXISTS (SELECT FROM " + r.watched + " c WHERE c.id = k)", []any{stays}},
		{"keys that are current twice", "SELECT count(*) FROM (SELECT FROM " + r.watched + " GROUP BY id HAVING count(*) > 1) x", nil},
		{"versions that overlap", "SELECT count(*) FROM " + history + " a JOIN " + history + ` b
			ON a.id = b.id AND a.__id < b.__id AND a.__start < b.__end AND b.__start < a.__end`, nil},
	}
	ctx, cancel := context.WithCancel(s.Context())
	var group sync.WaitGroup
	reads := make([]int, len(checks))
	for i, c := range checks {
		conn := s.Dial()
		group.Go(func() {
			for ctx.Err() == nil {
				var n int
				if err := conn.QueryRow(s.Context(), c.sql, c.args...).Scan(&n); err != nil {
					if s.Context().Err() != nil {
						return // the test has ended before it could stop us
					}
					s.Errorf("%s: %v", c.what, err)
					return
				}
				if n != 0 {
					s.Errorf("%s: %d", c.what, n)
					return
				}
				reads[i]++
			}
		})
	}
	return func() {
		s.Helper()
		cancel()
		group.Wait()
		for i, c := range checks {
			if reads[i] < 10 {
				s.Errorf("%s: looked for %d times only", c.what, reads[i])
			}
		}
	}
}

// staying are the keys of the watched table that are current now and that no event of
// the resynchronization deletes, but some event up to its snapshot's end names.
func (s *stage) staying(r resync) []int64 {
	s.Helper()
	id := regexp.MustCompile(`"payload":\s*\{\s*"id":\s*(\d+)`)
	there, gone := make(map[string]bool), make(map[string]bool)
	i := 0
	for rec, err := range r.after.records(0) {
		if err != nil {
			s.Fatal(err)
		}
		i++
		if rec.Topic != r.topic || rec.Key == nil {
			continue
		}
		m := id.FindSubmatch(rec.Key)
		if m == nil {
			s.Fatalf("no id in key %s", rec.Key)
		}
		if r.snapshot == 0 || i <= r.snapshot {
			there[string(m[1])] = true
		}
		if rec.Value == nil {
			gone[string(m[1])] = true
		}
	}
	rows, err := s.Conn().Query(s.Context(), "SELECT id::bigint FROM "+r.watched)
	if err != nil {
		s.Fatal(err)
	}
	current, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		s.Fatal(err)
	}
	var stays []int64
	for _, k := range current {
		if name := fmt.Sprint(k); there[name] && !gone[name] {
			stays = append(stays, k)
		}
	}
	if len(stays) < 20 {
		s.Fatalf("%d keys stay only", len(stays))
	}
	return stays
}
