package warehouse

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"metadb/catalog"
)

// endsync ends the fixture's synchronization.
func (f *fixture) endsync(reached func(string)) EndsyncResult {
	f.Helper()
	return f.endsyncOf(f.endsyncRequest(), reached)
}

// endsyncRequest asks for the end of the present synchronization, whatever it closes.
func (f *fixture) endsyncRequest() catalog.SyncRequest {
	f.Helper()
	f.exec(`INSERT INTO metadb.request (kind, source, arguments) VALUES ('endsync', 's', jsonb_build_object('force_all', true,
		'generation', (SELECT generation FROM metadb.source_sync WHERE source = 's')))`)
	requests, err := f.cat.SyncRequests(f.Context(), "s")
	if err != nil || len(requests) == 0 {
		f.Fatal(err)
	}
	return requests[len(requests)-1]
}

func (f *fixture) endsyncOf(request catalog.SyncRequest, reached func(string)) EndsyncResult {
	f.Helper()
	result, err := Endsync(f.Context(), f.config, EndsyncOptions{
		Source: "s", Request: request, Log: slog.New(slog.DiscardHandler), Reached: reached,
	})
	if err != nil {
		f.Fatal(err)
	}
	return result
}

// TestEndsyncWhileRowsAreConfirmed lets a batch confirm a row that the endsync has
// found unconfirmed, and another wait with its mark uncommitted: neither is closed
// (rule R16). Two rows are in no batch.
func TestEndsyncWhileRowsAreConfirmed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	f.apply(a, merge(t, 1000, loanShape, loanKey, 1, "a"), merge(t, 1000, loanShape, loanKey, 2, "b"), merge(t, 1000, loanShape, loanKey, 3, "c"),
		merge(t, 1000, loanShape, loanKey, 4, "d"))
	f.beginSync(f.next)
	a = f.applier()
	f.apply(a, snap(t, 2000, 100, 1, "a"))
	waiting := make(chan bool)
	slow, err := Open(t.Context(), f.config, Options{Source: "s", Stream: f.stream, Log: slog.New(slog.DiscardHandler), Reached: func(point string) {
		if point == "commit.before" {
			close(waiting)
			// The mark is not committed; the endsync must wait for it.
			f.waitFor("true", "SELECT (count(*) > 0)::text FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted")
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close(t.Context())
	done := make(chan error, 1)
	result := f.endsync(func(point string) {
		switch point {
		case "endsync.checked":
			f.apply(a, snap(t, 2000, 100, 2, "b"))
			b := f.batch(snap(t, 2000, 100, 3, "c"))
			go func() { _, _, err := slow.Apply(t.Context(), b); done <- err }()
			<-waiting
		}
	})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if result.Closed != 1 || result.Refused != "" {
		t.Errorf("%+v", result)
	}
	if diff := cmp.Diff([]string{"1", "2", "3"}, f.lines("SELECT id::text FROM lib.loan ORDER BY 1")); diff != "" {
		t.Error(diff)
	}
	f.apply(a, merge(t, 3000, loanShape, loanKey, 1, "z")) // marks have ended under this run
}

// TestEndsyncGoesOn breaks an endsync off at each of its points: what is done stays
// done, and all rows get one end, the first one's.
func TestEndsyncGoesOn(t *testing.T) {
	t.Parallel()
	for _, point := range []string{
		"endsync.begun", "endsync.collected", "endsync.checked", "endsync.locked", "endsync.chunk", "endsync.committed", "endsync.closed", "endsync.finish",
	} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			a := f.applier()
			f.apply(a, merge(t, 1000, loanShape, loanKey, 1, "a"), merge(t, 1000, loanShape, loanKey, 2, "b"))
			f.beginSync(f.next)
			f.apply(f.applier(), snap(t, 2000, 100, 1, "a"))
			func() {
				defer func() { _ = recover() }()
				f.endsync(func(p string) {
					if p == point {
						panic(p)
					}
				})
				t.Errorf("%s was not reached", point)
			}()
			first := f.lines("SELECT endsync_at::text FROM metadb.source_sync")
			f.endsync(nil)
			got := f.lines("SELECT id || ' ' || __current || CASE WHEN __current THEN '' ELSE ' ' || __end END FROM lib.loan__ ORDER BY id")
			if diff := cmp.Diff([]string{"1 true", "2 false " + first[0]}, got); diff != "" {
				t.Error(diff)
			}
			if got := f.lines("SELECT array_agg(i)::text FROM metadb.apply_ledger, unnest(closed_ids) i"); got[0] != "{2}" {
				t.Errorf("ledger %v", got)
			}
			if got := f.lines("SELECT sync::text FROM metadb.source"); got[0] != "0" {
				t.Errorf("mode %s", got)
			}
		})
	}
}

// TestLateRecordsAfterAnEndsync closes too early; what comes later begins where the
// endsync ended (rule R20), and the source is unsynchronized until a whole snapshot.
func TestLateRecordsAfterAnEndsync(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	now := time.Now().UnixMilli()
	f.apply(a, merge(t, now-5000, loanShape, loanKey, 1, "a"), merge(t, now-5000, loanShape, loanKey, 2, "b"), merge(t, now-5000, loanShape, loanKey, 3, "c"))
	f.beginSync(f.next)
	a = f.applier()
	f.apply(a, snap(t, now-4000, 100, 1, "a"))
	if result := f.endsync(nil); result.Closed != 2 || !result.Early {
		t.Fatalf("%+v", result)
	}
	if got := f.lines("SELECT kind FROM metadb.source_gap WHERE cleared_at IS NULL"); len(got) != 1 || got[0] != catalog.GapForced {
		t.Errorf("gaps %v", got)
	}
	f.apply(a, snap(t, now-4000, 100, 2, "b"))
	f.apply(a, positioned(merge(t, now-3500, loanShape, loanKey, 3, "x"), 110, 100), positioned(merge(t, now-3000, loanShape, loanKey, 3, "y"), 111, 110))
	if diff := cmp.Diff([]string{"1 a", "2 b", "3 y"}, f.lines("SELECT id || ' ' || a FROM lib.loan ORDER BY 1")); diff != "" {
		t.Error(diff)
	}
	if bad := f.lines(`SELECT x.id || ' ' || x.a || ' and ' || y.a FROM lib.loan__ x JOIN lib.loan__ y ON y.id = x.id AND y.__id > x.__id
		WHERE y.__start < x.__end OR x.__end < x.__start`); len(bad) > 0 {
		t.Errorf("versions overlap: %v", bad)
	}
	f.beginSync(f.next)
	f.apply(f.applier(), snap(t, now+4000, 200, 1, "a"), snap(t, now+4000, 200, 2, "b"), snap(t, now+4000, 200, 3, "y"))
	f.exec("UPDATE metadb.source_sync SET complete_at = now()")
	if result := f.endsync(nil); result.Closed != 0 || result.Early {
		t.Errorf("%+v", result)
	}
	if got := f.lines("SELECT count(*)::text FROM metadb.source_gap WHERE cleared_at IS NULL"); got[0] != "0" {
		t.Errorf("%s gaps after a complete snapshot", got[0])
	}
}
