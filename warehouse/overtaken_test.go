package warehouse

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"metadb/change"
)

// bad is an event that was set aside.
type bad struct{ change.Event }

// mixed applies events and dead letters in the order of their records, all in one
// batch or each in its own.
func (f *fixture) mixed(a *Applier, together bool, records ...any) {
	f.Helper()
	var batches []*change.Batch
	for _, r := range records {
		ev, isEvent := r.(change.Event)
		if !isEvent {
			ev = r.(bad).Event
		}
		ev.Schema, ev.Table = "src", "loan"
		b := f.batch(ev)
		if !isEvent {
			b.Dead = []change.DeadLetter{{Offset: b.Events[0].Offset, Schema: ev.Schema, Table: ev.Table, Reason: "test", Event: ev}}
			b.Events = nil
		}
		if n := len(batches); together && n > 0 {
			last := batches[n-1]
			last.Events, last.Dead = append(last.Events, b.Events...), append(last.Dead, b.Dead...)
			last.Parts[0].Next, last.Parts[0].After = b.Parts[0].Next, b.Parts[0].After
			continue
		}
		batches = append(batches, b)
	}
	for _, b := range batches {
		if _, _, err := a.Apply(f.Context(), b); err != nil {
			f.Fatal(err)
		}
	}
}

// TestReplayOfWhatWasOvertaken sets events aside, applies others behind them, and
// replays the letters.
func TestReplayOfWhatWasOvertaken(t *testing.T) {
	t.Parallel()
	row := func(ms int64, id int, a any) change.Event { return merge(t, ms, loanShape, loanKey, id, a) }
	gone := func(ms int64, id int) change.Event { return remove(t, ms, loanKey, id) }
	truncate := func(ms int64) change.Event {
		return change.Event{Op: change.Truncate, TsMs: ms, Target: target}
	}
	unread := func(ms int64, id int) change.Event { // only its key could be read
		ev := row(ms, id, "")
		ev.Shape, ev.Row = nil, nil
		return ev
	}
	x := row(15, 1, "x")
	tests := []struct {
		name    string
		records []any
		replay  []change.Event // one for each letter
		want    []string
	}{
		{"a row deleted before it came", []any{row(10, 2, "a"), bad{x}, gone(20, 1)}, []change.Event{x},
			[]string{"10|now|2|a", "15|20|1|x"}},
		{"a row deleted before it came, of no table", []any{bad{x}, gone(20, 1)}, []change.Event{x}, []string{"15|20|1|x"}},
		{"only the key could be read", []any{bad{unread(15, 1)}, gone(20, 1)}, []change.Event{x}, []string{"15|20|1|x"}},
		{"a row deleted in its own transaction", []any{bad{x}, gone(15, 1)}, []change.Event{x}, []string{"15|15|1|x"}},
		{"an update deleted in its own transaction", []any{row(10, 1, "a"), bad{x}, gone(15, 1)}, []change.Event{x},
			[]string{"10|15|1|a", "15|15|1|x"}},
		{"an update changed in its own transaction", []any{row(10, 1, "a"), bad{x}, row(15, 1, "b")}, []change.Event{x},
			[]string{"10|15|1|a", "15|now|1|b", "15|15|1|x"}},
		{"an update taken back", []any{row(10, 1, "a"), bad{x}, row(20, 1, "a")}, []change.Event{x},
			[]string{"10|15|1|a", "20|now|1|a", "15|20|1|x"}},
		{"a delete of a row that came again", []any{row(10, 1, "a"), bad{gone(15, 1)}, row(20, 1, "a")}, []change.Event{gone(15, 1)},
			[]string{"10|15|1|a", "20|now|1|a"}},
		{"a row truncated before it came", []any{row(10, 2, "a"), bad{x}, truncate(20)}, []change.Event{x},
			[]string{"10|20|2|a", "15|20|1|x"}},
		{"a truncate of rows that came again", []any{row(10, 1, "a"), row(10, 2, "b"), bad{truncate(15)}, row(20, 1, "a"), row(25, 1, "a")},
			[]change.Event{truncate(15)}, []string{"10|20|1|a", "10|15|2|b", "20|now|1|a"}},
		{"a truncate of rows written in its own transaction", []any{row(10, 1, "a"), bad{truncate(15)}, row(15, 1, "a")},
			[]change.Event{truncate(15)}, []string{"10|15|1|a", "15|now|1|a"}},
		{"two of a key", []any{bad{x}, bad{row(17, 1, "y")}, gone(20, 1)}, []change.Event{x, row(17, 1, "y")},
			[]string{"15|17|1|x", "17|20|1|y"}},
		{"two of a key with one between", []any{bad{x}, row(16, 1, "z"), bad{row(17, 1, "y")}, gone(20, 1)}, []change.Event{x, row(17, 1, "y")},
			[]string{"16|17|1|z", "15|16|1|x", "17|20|1|y"}},
		{"a change of key", []any{bad{x}, gone(20, 1), row(20, 3, "x")}, []change.Event{x}, []string{"20|now|3|x", "15|20|1|x"}},
		{"another key", []any{bad{x}, gone(20, 3)}, []change.Event{x}, []string{"15|now|1|x"}},
	}
	for _, tt := range tests {
		for _, together := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", tt.name, together), func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				a := f.applier()
				f.mixed(a, together, tt.records...)
				a.Close(t.Context())
				a = f.applier() // a restart forgets nothing
				f.replayAll(a, tt.replay...)
				if diff := cmp.Diff(tt.want, f.history("lib.loan__", "id::text, a")); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}

// replayAll replays the events for the letters, in order of their ids.
func (f *fixture) replayAll(a *Applier, events ...change.Event) {
	f.Helper()
	for _, ev := range events {
		var id int64
		if err := f.pool.QueryRow(f.Context(), "SELECT min(id) FROM metadb.dead_letter").Scan(&id); err != nil {
			f.Fatal(err)
		}
		f.replayOne(a, id, ev)
	}
}

func (f *fixture) replayOne(a *Applier, id int64, ev change.Event) {
	f.Helper()
	ev.Schema, ev.Table = "src", "loan"
	b := &change.Batch{Parts: []change.Part{{Topic: "t"}}, Events: []change.Event{ev}, Records: 1}
	if _, err := a.Replay(f.Context(), b, id); err != nil {
		f.Fatal(err)
	}
}

// TestReplayOutOfOrder replays a delete before the row that it ends.
func TestReplayOutOfOrder(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	x, gone := merge(t, 15, loanShape, loanKey, 1, "x"), remove(t, 20, loanKey, 1)
	f.mixed(a, false, merge(t, 10, loanShape, loanKey, 2, "a"), bad{x}, bad{gone})
	f.replayOne(a, 2, gone)
	f.replayOne(a, 1, x)
	if diff := cmp.Diff([]string{"10|now|2|a", "15|20|1|x"}, f.history("lib.loan__", "id::text, a")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestReplayOfAKeylessRowThatWasOvertaken deletes, of three equal rows, the one that
// is there and one of the two that were set aside.
func TestReplayOfAKeylessRowThatWasOvertaken(t *testing.T) {
	t.Parallel()
	for _, together := range []bool{false, true} {
		f := newFixture(t)
		a := f.applier()
		row := func(ms int64) change.Event { return merge(t, ms, logShape, nil, "x", 1) }
		gone := func(ms int64) change.Event {
			return change.Event{Op: change.Delete, TsMs: ms, Target: target, Shape: logShape, Before: tuple(t, logShape, "x", 1)}
		}
		f.mixed(a, together, row(10), bad{row(15)}, bad{row(16)}, gone(20), gone(25))
		f.replayAll(a, row(15), row(16))
		if diff := cmp.Diff([]string{"10|20|x", "15|25|x", "16|now|x"}, f.history("lib.loan__", "what")); diff != "" {
			t.Errorf("together %v (-want +got):\n%s", together, diff)
		}
	}
}

// TestDeadDeleteIsAGap: a delete, a truncate and what cannot be read at all are
// missing until they are replayed, also when their letter is removed.
func TestDeadDeleteIsAGap(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	gone := remove(t, 20, loanKey, 1)
	f.mixed(a, true, merge(t, 10, loanShape, loanKey, 1, "a"), bad{merge(t, 15, loanShape, loanKey, 1, "x")}, bad{gone},
		bad{change.Event{Op: change.Truncate, TsMs: 30}}, bad{})
	const gaps = `SELECT concat_ws('|', kind, expected, available, letter, detail, cleared_at IS NULL) FROM metadb.source_gap ORDER BY id`
	want := []string{"dead_letter|2|3|2|a delete of src.loan|t", "dead_letter|3|4|3|a truncate of src.loan|t", "dead_letter|4|5|4|an event of src.loan that cannot be read|t"}
	if diff := cmp.Diff(want, f.lines(gaps)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	f.replayOne(a, 2, gone)
	f.exec("DELETE FROM metadb.dead_letter WHERE id = 3")
	if err := f.cat.DropDeadLetter(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	want[0], want[2] = "dead_letter|2|3|2|a delete of src.loan|f", "dead_letter|4|5|4|an event of src.loan that cannot be read|f"
	if diff := cmp.Diff(want, f.lines(gaps)); diff != "" {
		t.Errorf("after the replay (-want +got):\n%s", diff)
	}
	ops := f.lines("SELECT concat_ws('|', op, ts_ms, key_hash IS NOT NULL, next_ts_ms) FROM metadb.dead_letter")
	if diff := cmp.Diff([]string{"update|15|t|20"}, ops); diff != "" {
		t.Errorf("letters (-want +got):\n%s", diff)
	}
}
