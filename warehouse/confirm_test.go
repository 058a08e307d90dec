package warehouse

import (
	"fmt"
	"strings"
	"testing"

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
