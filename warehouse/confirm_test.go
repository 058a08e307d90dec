package warehouse

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"metadb/catalog"
	"metadb/change"
)

// beginSync begins a synchronization of the fixture's source; events of its topic
// confirm from the given offset on.
func (f *fixture) beginSync(from int64) {
	f.Helper()
	f.exec("INSERT INTO metadb.source (name, enable, sync) VALUES ('s', true, 2) ON CONFLICT (name) DO UPDATE SET sync = 2")
	var err error
	f.stream, err = f.cat.BeginSync(f.Context(), "s", f.stream, catalog.SyncBegin{There: []catalog.Boundary{{Topic: "t", From: from}}})
	if err != nil {
		f.Fatal(err)
	}
}

// unconfirmed are the rows of lib.loan that an endsync would close.
func (f *fixture) unconfirmed() string {
	f.Helper()
	sql := f.lines("SELECT metadb.unconfirmed_sql('s', id) FROM metadb.data_table WHERE table_name = 'loan'")
	return strings.Join(f.lines("SELECT c.id::text "+sql[0]+" ORDER BY c.id, c.__id"), " ")
}

// positioned puts an event at a place of its source: an lsn, and the end of the commit
// before, below 0 if that is not told.
func positioned(ev change.Event, lsn uint64, commit int64) change.Event {
	ev.Pos = change.Position{LSN: lsn, HasLSN: true}
	if commit >= 0 {
		ev.Pos.CommitLSN, ev.Pos.HasCommit = uint64(commit), true
	}
	return ev
}

// snap is a snapshot row of loan.
func snap(t testing.TB, ms int64, lsn uint64, id int, a string) change.Event {
	t.Helper()
	ev := positioned(merge(t, ms, loanShape, loanKey, id, a), lsn, -1)
	ev.Op, ev.Snapshot = change.Read, change.InSnapshot
	return ev
}

// TestWhatConfirms begins a generation over four rows for each case; the events say
// which of the rows live.
func TestWhatConfirms(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const day = int64(86_400_000)
	const later = 3_600_000 // another snapshot is taken
	ms := 100 * day
	for id := range 4 {
		f.apply(f.applier(), merge(t, ms, loanShape, loanKey, id+1, "v"))
	}
	of := func(connector string, ev change.Event) change.Event {
		ev.Connector = connector
		return ev
	}
	incremental := func(ev change.Event) change.Event {
		ev.Snapshot, ev.Pos = change.Incremental, change.Position{}
		return ev
	}
	tests := []struct {
		name        string
		skip        int64 // events before the boundary
		events      func(ms int64) [][]change.Event
		unconfirmed string
	}{
		{"nothing", 0, func(int64) [][]change.Event { return nil }, "1 2 3 4"},
		{"unchanged, changed, by the stream", 0, func(ms int64) [][]change.Event {
			return [][]change.Event{{snap(t, ms, 100, 1, "v"), snap(t, ms, 100, 2, fmt.Sprint(ms)), positioned(merge(t, ms+1, loanShape, loanKey, 3, "v"), 110, 100)}}
		}, "4"},
		{"changed twice, in one batch and in another", 0, func(ms int64) [][]change.Event {
			return [][]change.Event{
				{snap(t, ms, 100, 1, "v"), positioned(merge(t, ms+1, loanShape, loanKey, 1, "w"), 110, 105), positioned(merge(t, ms+2, loanShape, loanKey, 1, "v"), 111, 110)},
				{positioned(merge(t, ms+3, loanShape, loanKey, 1, "w"), 120, 115), positioned(merge(t, ms+4, loanShape, loanKey, 1, "v"), 121, 120)},
			}
		}, "2 3 4"},
		{"deleted and made again", 0, func(ms int64) [][]change.Event {
			return [][]change.Event{{snap(t, ms, 100, 1, "v"), positioned(remove(t, ms+1, loanKey, 1), 110, 105)}, {positioned(merge(t, ms+2, loanShape, loanKey, 1, "v"), 111, 110)}}
		}, "2 3 4"},
		{"before the boundary", 1, func(ms int64) [][]change.Event {
			return [][]change.Event{{snap(t, ms, 100, 1, "v"), snap(t, ms, 100, 2, "v")}}
		}, "1 3 4"},
		{"an attempt is replaced", 0, func(ms int64) [][]change.Event {
			return [][]change.Event{{snap(t, ms, 100, 1, "v"), snap(t, ms, 100, 2, "v"), snap(t, ms+1, 200, 1, "v")}, {snap(t, ms+1, 200, 3, "v")}}
		}, "2 4"},
		{"late rows of an earlier attempt", 0, func(ms int64) [][]change.Event {
			return [][]change.Event{{snap(t, ms+1, 200, 1, "v")}, {snap(t, ms, 100, 2, "v")}}
		}, "2 3 4"},
		{"a restored source", 0, func(ms int64) [][]change.Event {
			return [][]change.Event{{snap(t, ms, 200, 1, "v")}, {snap(t, ms+1, 50, 2, "v")}}
		}, "1 3 4"},
		{"streamed behind a snapshot that is seen later", 0, func(ms int64) [][]change.Event {
			return [][]change.Event{{positioned(merge(t, ms+1, loanShape, loanKey, 3, "v"), 150, 140)}, {snap(t, ms, 100, 1, "v")}}
		}, "2 4"},
		{"streamed first behind a snapshot that is seen later", 0, func(ms int64) [][]change.Event {
			return [][]change.Event{{positioned(merge(t, ms+1, loanShape, loanKey, 3, "v"), 90, -1)}, {snap(t, ms, 100, 1, "v")}}
		}, "2 4"},
		{"streamed before a snapshot that is seen later", 0, func(ms int64) [][]change.Event {
			return [][]change.Event{{positioned(merge(t, ms-1, loanShape, loanKey, 3, "v"), 50, 40)}, {snap(t, ms, 100, 1, "v")}}
		}, "2 3 4"},
		{"streamed before a snapshot that was seen earlier", 0, func(ms int64) [][]change.Event {
			return [][]change.Event{{snap(t, ms, 100, 1, "v")}, {positioned(merge(t, ms-1, loanShape, loanKey, 3, "v"), 50, 40)}}
		}, "2 3 4"},
		{"streamed first behind a snapshot that is replaced", 0, func(ms int64) [][]change.Event {
			return [][]change.Event{
				{snap(t, ms, 100, 1, "v"), positioned(merge(t, ms+1, loanShape, loanKey, 3, "v"), 110, -1)},
				{snap(t, ms+later, 200, 1, "v")},
			}
		}, "2 3 4"},
		{"streamed first behind a snapshot, read behind its replacement", 0, func(ms int64) [][]change.Event {
			return [][]change.Event{
				{snap(t, ms, 100, 1, "v")}, {snap(t, ms+later, 200, 1, "v")},
				{positioned(merge(t, ms+1, loanShape, loanKey, 3, "v"), 110, -1)},
			}
		}, "2 3 4"},
		{"streamed first behind a second snapshot that is seen later", 0, func(ms int64) [][]change.Event {
			return [][]change.Event{
				{snap(t, ms, 100, 1, "v"), snap(t, ms, 100, 2, "v")},
				{positioned(merge(t, ms+later+1, loanShape, loanKey, 3, "v"), 190, -1)}, {snap(t, ms+later, 200, 1, "v")},
			}
		}, "2 4"},
		{"streamed first behind a snapshot of a restored source that is seen later", 0, func(ms int64) [][]change.Event {
			return [][]change.Event{
				{snap(t, ms, 200, 1, "v"), snap(t, ms, 200, 2, "v")},
				{positioned(merge(t, ms+later+1, loanShape, loanKey, 3, "v"), 60, -1)}, {snap(t, ms+later, 50, 1, "v")},
			}
		}, "2 4"},
		{"streamed behind a snapshot of a restored source that is seen later", 0, func(ms int64) [][]change.Event {
			return [][]change.Event{
				{snap(t, ms, 200, 1, "v"), snap(t, ms, 200, 2, "v")},
				{positioned(merge(t, ms+later+1, loanShape, loanKey, 3, "v"), 70, 60)}, {snap(t, ms+later, 50, 1, "v")},
			}
		}, "2 4"},
		{"an incremental snapshot", 0, func(ms int64) [][]change.Event {
			return [][]change.Event{{incremental(snap(t, ms, 0, 1, "v"))}, {incremental(snap(t, ms+1, 0, 2, "v"))}}
		}, "3 4"},
		{"two connectors", 0, func(ms int64) [][]change.Event {
			return [][]change.Event{{of("a", snap(t, ms, 100, 1, "v")), of("b", snap(t, ms+1, 500, 2, "v"))}, {of("a", snap(t, ms, 100, 3, "v"))}}
		}, "4"},
	}
	for i, tt := range tests {
		f.mark = change.Mark{}
		f.beginSync(f.next + tt.skip)
		a := f.applier()
		for _, events := range tt.events(ms + int64(i+1)*day) {
			f.apply(a, events...)
		}
		if got := f.unconfirmed(); got != tt.unconfirmed {
			t.Errorf("%s: not confirmed: %s, want %s", tt.name, got, tt.unconfirmed)
		}
		for id := range 4 { // as they were
			f.apply(a, merge(t, ms+int64(i+1)*day+2*later, loanShape, loanKey, id+1, "v"))
		}
	}
}

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

// TestGuardCountsExactly lets a statement pass by counters that are wrong: the endsync
// refuses, closes nothing, and what was confirmed is kept (rule R19).
func TestGuardCountsExactly(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	f.apply(a, merge(t, 1000, loanShape, loanKey, 1, "a"), merge(t, 1000, loanShape, loanKey, 2, "b"))
	f.beginSync(f.next)
	a = f.applier()
	f.apply(a, snap(t, 2000, 100, 1, "a"))
	request := f.endsyncRequest()
	request.ForceAll = false
	result := f.endsyncOf(request, nil)
	if result.Closed != 0 || !strings.Contains(result.Refused, "the data source: 1 of 2") {
		t.Errorf("%+v", result)
	}
	if got := f.lines("SELECT state FROM metadb.request"); got[0] != "failed" {
		t.Errorf("request %s", got)
	}
	f.apply(a, snap(t, 2000, 100, 2, "b"))
	if got := f.unconfirmed(); got != "" {
		t.Errorf("not confirmed: %s", got)
	}
}

// TestSnapshotReopens follows what a snapshot's records do to its completion (rule
// R18): the last one is noted with its attempt, one that comes after it reopens the
// snapshot, and a new attempt has no last record yet.
func TestSnapshotReopens(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.beginSync(0)
	a := f.applier()
	state := func() string {
		s, err := f.cat.Snapshot(t.Context(), "s")
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("seen %t, last %t, complete %t", s.SeenAt != nil, s.AllLast, s.CompleteAt != nil)
	}
	expect := func(what, want string) {
		t.Helper()
		if got := state(); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	expect("begun", "seen false, last false, complete false")
	f.apply(a, snap(t, 1000, 100, 1, "a"))
	expect("a row", "seen true, last false, complete false")
	last := snap(t, 1000, 100, 2, "b")
	last.Snapshot = change.LastOfSnapshot
	f.apply(a, last)
	expect("the last row", "seen true, last true, complete false")
	s, err := f.cat.Snapshot(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	f.apply(a, snap(t, 1000, 100, 3, "c"))
	if done, err := f.cat.CompleteSnapshot(t.Context(), "s", *s, catalog.CompleteByMarks, false); err != nil || done {
		t.Errorf("completed over a record that came meanwhile: %t, %v", done, err)
	}
	if s, err = f.cat.Snapshot(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	if done, err := f.cat.CompleteSnapshot(t.Context(), "s", *s, catalog.CompleteByMarks, false); err != nil || !done {
		t.Errorf("not completed: %t, %v", done, err)
	}
	f.apply(a, positioned(merge(t, 2000, loanShape, loanKey, 1, "z"), 110, 100))
	expect("a streamed event", "seen true, last true, complete true")
	f.apply(a, snap(t, 1000, 100, 4, "d"))
	expect("a late row of the snapshot", "seen true, last true, complete false")
	f.apply(a, snap(t, 3000, 200, 1, "z"))
	expect("another attempt", "seen true, last false, complete false")
}

// TestLastRecordThatAFilterStops knows the end of a snapshot by a record whose row is
// not wanted, or could not be applied (rule R18).
func TestLastRecordThatAFilterStops(t *testing.T) {
	t.Parallel()
	for _, dead := range []bool{false, true} {
		f := newFixture(t)
		f.beginSync(0)
		a := f.applier()
		f.apply(a, snap(t, 1000, 100, 1, "a"))
		last := snap(t, 1000, 100, 2, "b")
		last.Snapshot, last.Target, last.Row, last.Shape = change.LastOfSnapshot, nil, nil, nil
		b := f.batch()
		if dead {
			f.aside(b, last)
		} else {
			b.Skips = append(b.Skips, change.Skip{Reason: change.Filtered, Offset: f.next, Last: &last})
			f.next++
			b.Parts[0].Next = f.next
		}
		if _, _, err := a.Apply(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		s, err := f.cat.Snapshot(t.Context(), "s")
		if err != nil {
			t.Fatal(err)
		}
		if !s.AllLast {
			t.Errorf("dead letter %t: the last record of the snapshot was not seen", dead)
		}
	}
}
