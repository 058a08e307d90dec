package warehouse

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"metadb/change"
)

// rowChange is a change of a row of a table without a key, as a source with REPLICA
// IDENTITY FULL sends it: before and after hold all columns; nil for none.
func rowChange(t testing.TB, ms int64, s *change.Shape, before, after []any) change.Event {
	t.Helper()
	ev := change.Event{Op: change.Update, TsMs: ms, Target: target, Shape: s, Pos: change.Position{LSN: uint64(ms), HasLSN: true}}
	if before == nil {
		ev.Op = change.Create
	} else {
		ev.Before = tuple(t, s, before...)
	}
	if after == nil {
		ev.Op = change.Delete
	} else {
		ev.Row = tuple(t, s, after...)
	}
	return ev
}

// sent is an event as the connector sent it at a time of its own.
func sent(ms int64, ev change.Event) change.Event {
	ev.SentMs = ms
	return ev
}

// TestRowsWithoutKey finds rows by nothing but their values, on a topic of one
// partition and on one of several.
func TestRowsWithoutKey(t *testing.T) {
	t.Parallel()
	one, two := shapeOf("a", change.Int4), shapeOf("a", change.Int4, "b", change.Text)
	number, document := shapeOf("a", change.Numeric), shapeOf("a", change.JSONB)
	row := func(values ...any) []any { return values }
	snapshot := func(ev change.Event) change.Event {
		ev.Op = change.Read
		return ev
	}
	tests := []struct {
		name    string
		events  []change.Event
		columns string
		want    []string
		shared  bool // on topics of several partitions only
	}{
		{"a delete behind a dropped column", []change.Event{
			rowChange(t, 10, two, nil, row(1, "x")), rowChange(t, 11, two, nil, row(2, "y")), rowChange(t, 20, one, row(1), nil),
		}, "a::text, b", []string{"10|20|1|x", `11|now|2|y`}, false},
		{"changes behind a dropped column", []change.Event{
			rowChange(t, 10, two, nil, row(1, "x")), rowChange(t, 20, one, row(1), row(2)), rowChange(t, 30, one, row(2), row(3)),
		}, "a::text, b", []string{"10|20|1|x", `20|30|2|\N`, `30|now|3|\N`}, false},
		{"a change behind a new column", []change.Event{
			rowChange(t, 10, one, nil, row(1)), rowChange(t, 20, two, row(1, nil), row(1, "x")),
		}, "a::text, b", []string{`10|20|1|\N`, "20|now|1|x"}, false},
		{"of two rows the one without a value in a column that the event does not know", []change.Event{
			rowChange(t, 10, one, nil, row(1)), rowChange(t, 12, two, nil, row(1, "x")), rowChange(t, 20, one, row(1), nil),
		}, "a::text, b", []string{`10|20|1|\N`, "12|now|1|x"}, true},
		{"of equal numbers the one with the same digits", []change.Event{
			rowChange(t, 10, number, nil, row("1.50")), rowChange(t, 11, number, nil, row("1.5")), rowChange(t, 20, number, row("1.50"), nil),
		}, "a::text", []string{"10|20|1.50", "11|now|1.5"}, false},
		{"of equal documents the one with the same digits", []change.Event{
			rowChange(t, 10, document, nil, row(`{"n": 1.0}`)), rowChange(t, 11, document, nil, row(`{"n": 1}`)), rowChange(t, 20, document, row(`{"n": 1.0}`), nil),
		}, "a::text", []string{`10|20|{"n": 1.0}`, `11|now|{"n": 1}`}, false},
		{"a row whose value was not sent is found again", []change.Event{
			rowChange(t, 10, two, nil, row(1, "long")), rowChange(t, 20, two, row(1, "long"), row(2, unavailable{})), rowChange(t, 30, two, row(2, "long"), nil),
		}, "a::text, b", []string{"10|20|1|long", "20|30|2|long"}, false},
		{"a value that was not sent of a row that a truncate has ended in its millisecond", []change.Event{
			{Op: change.Truncate, TsMs: 20, Pos: change.Position{LSN: 30, HasLSN: true}},
			rowChange(t, 20, two, nil, row(1, "long")), rowChange(t, 20, two, row(1, "long"), row(2, unavailable{})),
		}, "a::text, b", []string{"20|20|1|long", "20|20|2|long"}, true},
		{"equal rows of a snapshot", []change.Event{
			snapshot(rowChange(t, 10, one, nil, row(1))), snapshot(rowChange(t, 10, one, nil, row(1))),
		}, "a::text", []string{"10|now|1", "10|now|1"}, false},
		{"a row that began later is not the one that ended", []change.Event{
			rowChange(t, 10, one, nil, row(1)), rowChange(t, 30, one, nil, row(1)), rowChange(t, 20, one, row(1), nil),
		}, "a::text", []string{"10|20|1", "30|now|1"}, true},
		{"equal rows of one COPY page", []change.Event{
			sent(1000, rowChange(t, 10, one, nil, row(1))), sent(1001, rowChange(t, 10, one, nil, row(1))),
		}, "a::text", []string{"10|now|1", "10|now|1"}, true},
		{"equal rows of one page, all sent again", []change.Event{
			sent(1000, rowChange(t, 10, one, nil, row(1))), sent(1001, rowChange(t, 10, one, nil, row(1))),
			sent(9000, rowChange(t, 10, one, nil, row(1))), sent(9001, rowChange(t, 10, one, nil, row(1))),
		}, "a::text", []string{"10|now|1", "10|now|1"}, true},
		{"equal rows of one page, of which the first run has sent one, read in another order", []change.Event{
			sent(9000, rowChange(t, 10, one, nil, row(1))), sent(1000, rowChange(t, 10, one, nil, row(1))), sent(9001, rowChange(t, 10, one, nil, row(1))),
		}, "a::text", []string{"10|now|1", "10|now|1"}, true},
		{"a restored source that writes the same at the same place", []change.Event{
			sent(1000, rowChange(t, 10, one, nil, row(1))),
			sent(9000, func() change.Event { ev := rowChange(t, 10, one, nil, row(1)); ev.TsMs = 20; return ev }()),
		}, "a::text", []string{"10|now|1", "20|now|1"}, true},
	}
	f := newFixture(t)
	for i, tt := range tests {
		for _, size := range []int{1, 100} {
			for _, shared := range slices.Compact([]bool{tt.shared, true}) {
				t.Run(fmt.Sprintf("%s/%d/%v", tt.name, size, shared), func(t *testing.T) {
					to := &change.Target{Schema: target.Schema, Table: fmt.Sprintf("t%d_%d_%v", i, size, shared)}
					for events := range slices.Chunk(slices.Clone(tt.events), size) {
						for i := range events {
							events[i].Target = to
						}
						b := f.batch(events...)
						b.Parts[0].Shared = shared
						a := f.applier() // a new one each time knows only what is stored
						if _, _, err := a.Apply(t.Context(), b); err != nil {
							t.Fatal(err)
						}
						a.Close(t.Context())
					}
					got := f.history("lib."+quote(to.Table+"__"), tt.columns)
					slices.Sort(got)
					if diff := cmp.Diff(slices.Sorted(slices.Values(tt.want)), got); diff != "" {
						t.Errorf("(-want +got):\n%s", diff)
					}
				})
			}
		}
	}
}

func TestKeylessTable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	row := func(ms int64, what string, n any) change.Event { return merge(t, ms, logShape, nil, what, n) }
	f.apply(a, row(10, "x", 1), row(11, "x", 1), row(12, "y", nil))
	gone := change.Event{Op: change.Delete, TsMs: 20, Target: target, Shape: logShape, Before: tuple(t, logShape, "x", 1)}
	moved := row(21, "z", 2)
	moved.Op, moved.Before = change.Update, tuple(t, logShape, "y", nil)
	f.apply(a, gone, moved)
	f.apply(a, gone)
	current := f.lines("SELECT concat_ws('|', what, coalesce(n::text, '-')) FROM lib.loan ORDER BY 1")
	if diff := cmp.Diff([]string{"z|2"}, current); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A row that a batch first adds and then ends twice: the second end is for the
// equal row that was there before.
func TestKeylessRowAddedAndEndedTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	row := func(ms int64) change.Event { return merge(t, ms, logShape, nil, "x", 1) }
	gone := change.Event{Op: change.Delete, TsMs: 20, Target: target, Shape: logShape, Before: tuple(t, logShape, "x", 1)}
	f.apply(a, row(10))
	f.apply(a, row(11), gone, gone)
	if got := f.lines("SELECT count(*)::text FROM lib.loan"); got[0] != "0" {
		t.Errorf("%s rows are left", got[0])
	}
}
