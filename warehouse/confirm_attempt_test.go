package warehouse

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"metadb/change"
)

// TestMarksOfAVoidedAttemptBesideAnEndsync confirms a row while an endsync is at work
// that is refused. A later attempt of the snapshot does not bring it: it is confirmed
// no more (rule R17), but what was streamed behind that attempt is.
func TestMarksOfAVoidedAttemptBesideAnEndsync(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.apply(f.applier(), merge(t, 1000, loanShape, loanKey, 1, "a"), merge(t, 1000, loanShape, loanKey, 2, "b"),
		merge(t, 1000, loanShape, loanKey, 3, "c"), merge(t, 1000, loanShape, loanKey, 4, "d"))
	f.beginSync(f.next)
	a := f.applier()
	f.apply(a, snap(t, 2000, 100, 1, "a"))
	request := f.endsyncRequest()
	request.ForceAll = false
	result := f.endsyncOf(request, func(point string) {
		if point == "endsync.begun" {
			twice := snap(t, 2000, 100, 2, "b")
			f.apply(a, twice, twice, positioned(merge(t, 2100, loanShape, loanKey, 3, "c"), 250, 240))
		}
	})
	if result.Refused == "" {
		t.Fatal("not refused")
	}
	if got := f.unconfirmed(); got != "4" {
		t.Errorf("not confirmed: %s, want 4", got)
	}
	f.apply(a, snap(t, 3000, 200, 1, "a"))
	if got := f.unconfirmed(); got != "2 4" {
		t.Errorf("after another attempt, not confirmed: %s, want 2 4", got)
	}
}

// TestRowsWithoutAKeyInASecondAttempt brings rows again in the batch with which a second
// attempt of a snapshot begins: it finds those that the first has confirmed.
func TestRowsWithoutAKeyInASecondAttempt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	row := func(ms int64, lsn uint64, id int) change.Event {
		ev := positioned(merge(t, ms, loanShape, nil, id, "a"), lsn, -1)
		ev.Op, ev.Snapshot = change.Read, change.InSnapshot
		return ev
	}
	f.beginSync(f.next)
	a := f.applier()
	f.apply(a, row(2000, 100, 1), row(2000, 100, 1), row(2000, 100, 2))
	f.apply(a, row(2000, 100, 3), row(3000, 200, 1), row(3000, 200, 3))
	f.apply(a, row(3000, 200, 1))
	if diff := cmp.Diff([]string{"1", "1", "2", "3"}, f.lines("SELECT id::text FROM lib.loan ORDER BY 1")); diff != "" {
		t.Error(diff)
	}
	if got := f.unconfirmed(); got != "2" {
		t.Errorf("not confirmed: %s, want 2", got)
	}
}

// TestCountersOfASecondAttempt counts the rows of the present attempt only (rule R17).
func TestCountersOfASecondAttempt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.apply(f.applier(), merge(t, 1000, loanShape, loanKey, 1, "a"), merge(t, 1000, loanShape, loanKey, 2, "b"))
	f.beginSync(f.next)
	a := f.applier()
	const counters = "SELECT snapshot_rows || ' ' || marks FROM metadb.sync_counts"
	f.apply(a, snap(t, 2000, 100, 1, "a"), snap(t, 2000, 100, 2, "b"))
	if got := f.lines(counters); got[0] != "2 2" {
		t.Errorf("rows and marks of the first attempt: %s", got[0])
	}
	other := snap(t, 3000, 200, 1, "x")
	moved := *target
	moved.Table = "other"
	other.Target = &moved
	f.apply(a, other)
	if got := f.lines(counters + " WHERE table_name = 'loan'"); got[0] != "0 0" {
		t.Errorf("rows and marks when the second begins: %s", got[0])
	}
	f.apply(a, snap(t, 3000, 200, 1, "a"))
	if got := f.lines(counters + " WHERE table_name = 'loan'"); got[0] != "1 1" {
		t.Errorf("rows and marks of the second attempt: %s", got[0])
	}
}
