package warehouse

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"metadb/change"
)

// TestSnapshotTakenBeforeAnEarlyEndsync closes rows too early; a version that follows
// begins where the endsync ended, later than in the source. It does not keep out what a
// later snapshot brings that was taken before that time.
func TestSnapshotTakenBeforeAnEarlyEndsync(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	now := time.Now().UnixMilli()
	f.apply(a, merge(t, now-9000, loanShape, loanKey, 1, "a"))
	f.beginSync(f.next)
	a = f.applier()
	f.endsync(nil)
	f.apply(a, positioned(merge(t, now-8000, loanShape, loanKey, 1, "b"), 110, 100))
	f.apply(a, snap(t, now-7000, 200, 1, "c"))
	if diff := cmp.Diff([]string{"1 c"}, f.lines("SELECT id || ' ' || a FROM lib.loan")); diff != "" {
		t.Error(diff)
	}
}

// TestTableMadeBesideAnEndsync lets an old event make its table when an endsync has
// begun. The endsync leaves it alone: appliers do not know of its end in this table, so
// that a later version would overlap with what it closed.
func TestTableMadeBesideAnEndsync(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.beginSync(f.next + 100)
	a := f.applier()
	now := time.Now().UnixMilli()
	f.endsync(func(point string) {
		if point == "endsync.begun" {
			f.apply(a, merge(t, now-9000, loanShape, loanKey, 1, "a"))
		}
	})
	f.apply(f.applier(), merge(t, now-8000, loanShape, loanKey, 1, "b"))
	if diff := cmp.Diff([]string{"a true", "b false"}, f.lines(fmt.Sprintf(
		"SELECT a || ' ' || (__end = to_timestamp(%d / 1000.0)) FROM lib.loan__ ORDER BY a", now-8000))); diff != "" {
		t.Error(diff)
	}
}

// TestDeadLettersConfirmBesideAnEndsync lets an endsync come to a table while the mark
// of a dead letter is not committed: it waits, and does not close the row (rules R16,
// R29).
func TestDeadLettersConfirmBesideAnEndsync(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.apply(f.applier(), merge(t, 1000, loanShape, loanKey, 1, "a"), merge(t, 1000, loanShape, loanKey, 2, "b"))
	f.beginSync(f.next)
	inside, done := make(chan bool), make(chan error, 1)
	armed := false
	slow, err := Open(t.Context(), f.config, Options{Source: "s", Stream: f.stream, Log: slog.New(slog.DiscardHandler), Reached: func(point string) {
		if point == "commit.before" && armed {
			armed = false
			close(inside)
			f.waitFor("true", `SELECT (EXISTS (SELECT FROM metadb.sync_gone) AND EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
				AND database = (SELECT oid FROM pg_database WHERE datname = current_database())))::text`)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slow.Close(t.Context()) })
	f.apply(slow, snap(t, 2000, 100, 1, "a"))
	letter := func() *change.Batch {
		b := f.batch()
		keyed := positioned(merge(t, 2000, loanShape, loanKey, 2, "x"), 100, -1)
		keyed.Op, keyed.Snapshot, keyed.Row, keyed.Shape = change.Read, change.InSnapshot, nil, nil
		f.aside(b, keyed)
		return b
	}
	result := f.endsync(func(point string) {
		if point == "endsync.checked" {
			armed = true
			go func() {
				_, _, err := slow.Apply(t.Context(), letter())
				done <- err
			}()
			<-inside
		}
	})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if result.Closed != 0 {
		t.Errorf("closed %d rows", result.Closed)
	}
}
