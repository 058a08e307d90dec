package warehouse

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"metadb/change"
)

// pending is a schema change of lib.loan that waits for a reader, who is returned.
func (f *fixture) pending(a *Applier) (*Pending, func()) {
	f.Helper()
	tx, err := f.pool.Begin(f.Context())
	if err == nil {
		_, err = tx.Exec(f.Context(), "SELECT FROM lib.loan")
	}
	if err != nil {
		f.Fatal(err)
	}
	wider := shapeOf("id", change.Int4, "a", change.Text, "b", change.Int4)
	_, rest, err := a.Apply(f.Context(), f.batch(merge(f, 20, wider, loanKey, 1, "x", 7)))
	var p *Pending
	if !errors.As(err, &p) || rest == nil {
		f.Fatalf("error %v, want a pending change", err)
	}
	return p, func() {
		if err := tx.Rollback(f.Context()); err != nil {
			f.Error(err)
		}
	}
}

// TestPatience waits for a reader: with short tries, which are repeated, and, when
// these have lasted long enough, with one that waits its turn.
func TestPatience(t *testing.T) {
	t.Parallel()
	for name, maxWait := range map[string]time.Duration{"short tries": time.Hour, "its turn": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			a := f.applier()
			f.apply(a, merge(t, 10, loanShape, loanKey, 1, "x"))
			p, release := f.pending(a)
			var tries atomic.Int32
			maker, err := Open(t.Context(), f.config, Options{Source: "s", Stream: f.stream, Log: slog.New(slog.DiscardHandler), Reached: func(point string) {
				if point == "ddl.before" {
					tries.Add(1)
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer maker.Close(context.Background())
			blocked := make(chan string, 1000)
			made := make(chan error, 1)
			go func() {
				made <- p.Make(t.Context(), maker, Patience{MaxWait: maxWait, Blockers: f.cat.Blockers, Waiting: func(reason string) { blocked <- reason }})
			}()
			want := int32(1)
			if maxWait > 0 {
				want = 3
			}
			for reason := ""; !strings.Contains(reason, "blocked by process") || tries.Load() < want; {
				reason = <-blocked
			}
			release()
			if err := <-made; err != nil {
				t.Fatal(err)
			}
			if got := tries.Load(); maxWait == 0 && got != 1 {
				t.Errorf("%d tries, want one that waits its turn", got)
			}
			if err := a.Reload(t.Context(), "lib", "loan"); err != nil {
				t.Fatal(err)
			}
			f.next--
			f.apply(a, merge(t, 20, shapeOf("id", change.Int4, "a", change.Text, "b", change.Int4), loanKey, 1, "x", 7))
			if got := f.history("lib.loan__", "b::text"); len(got) != 2 || got[1] != "20|now|7" {
				t.Errorf("history %v", got)
			}
		})
	}
}

// TestLargeTablesAreRewrittenAside leaves the rewriting of a table above the limit
// to be made beside the batches; a new column, which rewrites nothing, is added at
// once.
func TestLargeTablesAreRewrittenAside(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a, err := Open(t.Context(), f.config, Options{Source: "s", Stream: f.stream, Log: slog.New(slog.DiscardHandler), RewriteAtOnce: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close(context.Background())
	f.apply(a, merge(t, 10, loanShape, loanKey, 1, "x"))
	f.apply(a, merge(t, 20, shapeOf("id", change.Int4, "a", change.Text, "b", change.Int4), loanKey, 1, "x", 7))
	event := merge(t, 30, shapeOf("id", change.Int4, "a", change.Text, "b", change.Int8), loanKey, 1, "x", int64(1)<<40)
	_, _, err = a.Apply(t.Context(), f.batch(event))
	var p *Pending
	if !errors.As(err, &p) || !strings.Contains(p.Error(), "rewritten to change column b to bigint") {
		t.Fatalf("error %v, want a pending rewrite", err)
	}
	maker := f.applier()
	if err := p.Make(t.Context(), maker, Patience{MaxWait: time.Hour, Blockers: f.cat.Blockers, Waiting: func(string) {}}); err != nil {
		t.Fatal(err)
	}
	if err := a.Reload(t.Context(), "lib", "loan"); err != nil {
		t.Fatal(err)
	}
	f.next--
	f.apply(a, event)
	if got := f.history("lib.loan__", "b::text"); len(got) != 3 || got[2] != "30|now|1099511627776" {
		t.Errorf("history %v", got)
	}
}
