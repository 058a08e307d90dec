package warehouse

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"metadb/change"
)

// TestClockPutBack applies events whose times go back, each in a batch of its own
// and all in one: the order of arrival counts, no version ends before it begins,
// and those of a key do not overlap.
func TestClockPutBack(t *testing.T) {
	t.Parallel()
	const may2024 = 1_715_000_000_000
	row := func(t testing.TB, ms int64, a any) change.Event { return merge(t, ms, loanShape, loanKey, 1, a) }
	gone := func(t testing.TB, ms int64) change.Event { return remove(t, ms, loanKey, 1) }
	tests := []struct {
		name   string
		events func(t testing.TB) []change.Event
		want   []string
	}{
		{"an update", func(t testing.TB) []change.Event { return []change.Event{row(t, 20, "a"), row(t, 10, "b")} },
			[]string{"20|20|1|a", "20|now|1|b"}},
		{"a delete", func(t testing.TB) []change.Event { return []change.Event{row(t, 20, "a"), gone(t, 10)} },
			[]string{"20|20|1|a"}},
		{"a row after its delete", func(t testing.TB) []change.Event {
			return []change.Event{row(t, 20, "a"), gone(t, 30), row(t, 10, "b"), row(t, 25, "c"), row(t, 40, "d")}
		}, []string{"20|30|1|a", "30|30|1|b", "30|40|1|c", "40|now|1|d"}},
		{"a truncate", func(t testing.TB) []change.Event {
			return []change.Event{row(t, 20, "a"), {Op: change.Truncate, TsMs: 10, Target: target}, row(t, 15, "b")}
		}, []string{"20|20|1|a", "20|now|1|b"}},
		{"into the year of the delete", func(t testing.TB) []change.Event {
			return []change.Event{row(t, 20, "a"), gone(t, may2024), row(t, 30, "b"), gone(t, 40)}
		}, []string{fmt.Sprintf("20|%d|1|a", may2024), fmt.Sprintf("%d|%[1]d|1|b", may2024)}},
	}
	for _, tt := range tests {
		for _, together := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", tt.name, together), func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				a := f.applier()
				events := tt.events(t)
				for i := range events {
					events[i].Pos = change.Position{LSN: uint64(i) + 1, HasLSN: true}
				}
				if together {
					f.apply(a, events...)
				} else {
					for _, ev := range events {
						f.apply(a, ev)
					}
				}
				if diff := cmp.Diff(tt.want, f.history("lib.loan__", "id::text, a")); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestClockPutBackKeyless ends a row of a table without a key.
func TestClockPutBackKeyless(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	f.apply(a, merge(t, 20, logShape, nil, "x", 1))
	f.apply(a, change.Event{Op: change.Delete, TsMs: 10, Target: target, Shape: logShape, Before: tuple(t, logShape, "x", 1)})
	if diff := cmp.Diff([]string{"20|20|x"}, f.history("lib.loan__", "what")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
