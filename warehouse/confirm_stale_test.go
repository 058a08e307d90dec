package warehouse

import (
	"testing"

	"metadb/change"
)

// TestSnapshotAndClocks reads a row's snapshot together with changes of it, by clocks of
// source and connector that differ: what lies behind the snapshot stays current, what
// lies before it does not (rule R17).
func TestSnapshotAndClocks(t *testing.T) {
	t.Parallel()
	const ms = 100_000_000
	streamed := func(at int64, lsn uint64, commit int64, a string) change.Event {
		return positioned(merge(t, at, loanShape, loanKey, 1, a), lsn, commit)
	}
	tests := []struct {
		name    string
		before  []change.Event
		events  [][]change.Event
		current string
	}{
		{"changed before, by a clock that is ahead",
			[]change.Event{streamed(ms+5000, 50, 40, "old")},
			[][]change.Event{{snap(t, ms, 100, 1, "snapshot")}}, "1 snapshot"},
		{"changed behind, by a clock that is behind",
			[]change.Event{streamed(ms-9000, 50, 40, "old")},
			[][]change.Event{{streamed(ms-5000, 150, 140, "new")}, {snap(t, ms, 100, 1, "snapshot")}}, "1 new"},
		{"changed behind, by a clock that is behind, in one batch",
			[]change.Event{streamed(ms-9000, 50, 40, "old")},
			[][]change.Event{{streamed(ms-5000, 150, 140, "new"), snap(t, ms, 100, 1, "snapshot")}}, "1 new"},
		{"changed behind by the first transaction",
			[]change.Event{streamed(ms-9000, 50, 40, "old")},
			[][]change.Event{{streamed(ms+5000, 90, -1, "new")}, {snap(t, ms, 100, 1, "snapshot")}}, "1 new"},
		{"found unchanged behind",
			[]change.Event{streamed(ms-9000, 50, 40, "old")},
			[][]change.Event{{streamed(ms-5000, 150, 140, "old")}, {snap(t, ms, 100, 1, "snapshot")}}, "1 old"},
		{"changed behind an earlier attempt only",
			[]change.Event{streamed(ms-9000, 50, 40, "old")},
			[][]change.Event{
				{snap(t, ms, 100, 1, "first"), streamed(ms+9_000_000, 150, 140, "between")}, {snap(t, ms+8_000_000, 200, 1, "snapshot")},
			}, "1 snapshot"},
		{"changed before, and another row behind",
			[]change.Event{streamed(ms+5000, 50, 40, "old")},
			[][]change.Event{
				{positioned(merge(t, ms+6000, loanShape, loanKey, 2, "x"), 150, 140)}, {snap(t, ms, 100, 1, "snapshot"), snap(t, ms, 100, 2, "x")},
			}, "1 snapshot"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.apply(f.applier(), tt.before...)
			f.beginSync(f.next)
			for _, events := range tt.events {
				f.apply(f.applier(), events...) // what is known is read again
			}
			if got := f.lines("SELECT id || ' ' || a FROM lib.loan WHERE id = 1"); len(got) != 1 || got[0] != tt.current {
				t.Errorf("current: %v, want %s", got, tt.current)
			}
			if got := f.unconfirmed(); got != "" {
				t.Errorf("not confirmed: %s", got)
			}
			overlap := f.lines(`SELECT x.a || ' and ' || y.a FROM lib.loan__ x JOIN lib.loan__ y ON y.id = x.id AND y.__id <> x.__id
				WHERE x.__start < y.__end AND y.__start < x.__end`)
			if len(overlap) > 0 {
				t.Errorf("versions overlap: %v", overlap)
			}
		})
	}
}
