package warehouse

import (
	"fmt"
	"testing"

	"metadb/catalog"
	"metadb/change"
)

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
