package warehouse

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"metadb/change"
)

// letter stores a dead letter and returns its id.
func (f *fixture) letter() int64 {
	f.Helper()
	var id int64
	err := f.pool.QueryRow(f.Context(), `
		INSERT INTO metadb.dead_letter (source, topic, partition, "offset", schema_name, table_name, reason)
		VALUES ('s', 't', 0, 0, 'lib', 'loan', 'test') RETURNING id`).Scan(&id)
	if err != nil {
		f.Fatal(err)
	}
	return id
}

// replay replays one event as a dead letter.
func (f *fixture) replay(a *Applier, ev change.Event) (Stats, error) {
	f.Helper()
	b := &change.Batch{Parts: []change.Part{{Topic: "t"}}, Events: []change.Event{ev}, Records: 1}
	return a.Replay(f.Context(), b, f.letter())
}

// TestReplay puts an event of time 15 behind others.
func TestReplay(t *testing.T) {
	t.Parallel()
	row := func(t testing.TB, ms int64, a any) change.Event { return merge(t, ms, loanShape, loanKey, 1, a) }
	gone := func(t testing.TB, ms int64) change.Event { return remove(t, ms, loanKey, 1) }
	truncate := func(_ testing.TB, ms int64) change.Event {
		return change.Event{Op: change.Truncate, TsMs: ms, Target: target}
	}
	x := func(t testing.TB) change.Event { return row(t, 15, "x") }
	tests := []struct {
		name   string
		before func(t testing.TB) []change.Event
		event  func(t testing.TB) change.Event
		want   []string // in order of their ids
	}{
		{"into nothing", func(testing.TB) []change.Event { return nil }, x, []string{"15|now|1|x"}},
		{"behind the current version", func(t testing.TB) []change.Event { return []change.Event{row(t, 10, "a")} }, x,
			[]string{"10|15|1|a", "15|now|1|x"}},
		{"at the time of the current version", func(t testing.TB) []change.Event { return []change.Event{row(t, 15, "a")} }, x,
			[]string{"15|15|1|a", "15|now|1|x"}},
		{"before the current version", func(t testing.TB) []change.Event { return []change.Event{row(t, 20, "b")} }, x,
			[]string{"20|now|1|b", "15|20|1|x"}},
		{"between two versions", func(t testing.TB) []change.Event {
			return []change.Event{row(t, 10, "a"), row(t, 20, "b"), row(t, 30, "c")}
		}, x,
			[]string{"10|15|1|a", "20|30|1|b", "30|now|1|c", "15|20|1|x"}},
		{"into an equal version", func(t testing.TB) []change.Event { return []change.Event{row(t, 10, "x"), row(t, 20, "b")} }, x,
			[]string{"10|20|1|x", "20|now|1|b"}},
		{"the key was deleted later", func(t testing.TB) []change.Event { return []change.Event{row(t, 10, "a"), gone(t, 20)} }, x,
			[]string{"10|15|1|a", "15|20|1|x"}},
		{"the key was deleted before", func(t testing.TB) []change.Event { return []change.Event{row(t, 5, "a"), gone(t, 10)} }, x,
			[]string{"5|10|1|a", "15|now|1|x"}},
		{"between a delete and a new row", func(t testing.TB) []change.Event { return []change.Event{row(t, 5, "a"), gone(t, 10), row(t, 20, "b")} }, x,
			[]string{"5|10|1|a", "20|now|1|b", "15|20|1|x"}},
		{"values that were not sent", func(t testing.TB) []change.Event { return []change.Event{row(t, 10, "a"), row(t, 20, "b")} },
			func(t testing.TB) change.Event {
				return merge(t, 15, shapeOf("id", change.Int4, "a", change.Text, "n", change.Int4), loanKey, 1, unavailable{}, 7)
			}, []string{"10|15|1|a", "20|now|1|b", "15|20|1|a"}},
		{"a delete", func(t testing.TB) []change.Event { return []change.Event{row(t, 10, "a")} },
			func(t testing.TB) change.Event { return gone(t, 15) }, []string{"10|15|1|a"}},
		{"an old delete", func(t testing.TB) []change.Event { return []change.Event{row(t, 20, "b")} },
			func(t testing.TB) change.Event { return gone(t, 15) }, []string{"20|now|1|b"}},
		{"a delete of what was never there", func(testing.TB) []change.Event { return nil },
			func(t testing.TB) change.Event { return gone(t, 15) }, nil},
		{"a truncate", func(t testing.TB) []change.Event {
			return []change.Event{row(t, 10, "a"), merge(t, 20, loanShape, loanKey, 2, "b")}
		},
			func(t testing.TB) change.Event { return truncate(t, 15) }, []string{"10|15|1|a", "20|now|2|b"}},
		{"another year", func(t testing.TB) []change.Event { return []change.Event{row(t, 1_700_000_000_000, "b")} }, x,
			[]string{"1700000000000|now|1|b", "15|1700000000000|1|x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			a := f.applier()
			for _, ev := range tt.before(t) {
				f.apply(a, ev)
			}
			next := f.lines("SELECT next::text FROM metadb.source_offset")
			if _, err := f.replay(a, tt.event(t)); err != nil {
				t.Fatal(err)
			}
			var got []string
			if tt.want != nil {
				got = f.history("lib.loan__", "id::text, a")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := f.lines("SELECT count(*)::text FROM metadb.dead_letter")[0]; got != "0" {
				t.Errorf("%s dead letters are left", got)
			}
			if diff := cmp.Diff(next, f.lines("SELECT next::text FROM metadb.source_offset")); diff != "" {
				t.Errorf("positions have moved (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReplayWritesTheLedger(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	f.apply(a, merge(t, 10, loanShape, loanKey, 1, "a"))
	f.apply(a, merge(t, 20, loanShape, loanKey, 1, "b"))
	if _, err := f.replay(a, merge(t, 15, loanShape, loanKey, 1, "x")); err != nil {
		t.Fatal(err)
	}
	got := f.lines("SELECT concat_ws('|', min_id, max_id, closed_ids) FROM metadb.apply_ledger ORDER BY xid DESC LIMIT 1")
	if got[0] != "3|3|{1}" {
		t.Errorf("ledger %s", got[0])
	}
}

func TestReplayOfAKeylessRow(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	f.apply(a, merge(t, 20, logShape, nil, "x", 1))
	gone := change.Event{Op: change.Delete, TsMs: 15, Target: target, Shape: logShape, Before: tuple(t, logShape, "x", 1)}
	if _, err := f.replay(a, gone); err != nil {
		t.Fatal(err)
	}
	if got := f.lines("SELECT count(*)::text FROM lib.loan")[0]; got != "1" {
		t.Errorf("%s rows: a delete ended a row that came after it", got)
	}
	gone.TsMs = 25
	for _, ev := range []change.Event{gone, merge(t, 5, logShape, nil, "y", 2)} {
		if _, err := f.replay(a, ev); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"20|25|x", "5|now|y"}, f.history("lib.loan__", "what")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestReplayOfWhatATruncateEnded: of topics with several partitions the last
// truncate is known, though nothing else of the key is.
func TestReplayOfWhatATruncateEnded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	f.apply(a, merge(t, 10, loanShape, loanKey, 2, "a"))
	b := f.batch(change.Event{Op: change.Truncate, TsMs: 20, Target: target})
	b.Parts[0].Shared = true
	if _, _, err := a.Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for _, ev := range []change.Event{merge(t, 15, loanShape, loanKey, 1, "x"), merge(t, 25, loanShape, loanKey, 2, "b")} {
		if _, err := f.replay(a, ev); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"10|20|2|a", "15|20|1|x", "25|now|2|b"}, f.history("lib.loan__", "id::text, a")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReplayRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	f.apply(a, merge(t, 10, loanShape, loanKey, 1, "a"))
	other := shapeOf("a", change.Text, "id", change.Int4)
	if _, err := f.replay(a, merge(t, 15, other, shapeOf("a", change.Text), "a", 1)); !errors.Is(err, ErrOldKey) {
		t.Errorf("another key: %v, want ErrOldKey", err)
	}
	b := &change.Batch{Parts: []change.Part{{Topic: "t"}}, Events: []change.Event{merge(t, 15, loanShape, loanKey, 1, "x")}}
	if _, err := a.Replay(t.Context(), b, 12345); !errors.Is(err, ErrNoLetter) {
		t.Errorf("no letter: %v, want ErrNoLetter", err)
	}
	a.Close(t.Context())
	if diff := cmp.Diff([]string{"10|now|1|a"}, f.history("lib.loan__", "id::text, a")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
