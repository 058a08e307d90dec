package warehouse

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"metadb/change"
)

// aside adds a dead letter to a batch.
func (f *fixture) aside(b *change.Batch, ev change.Event) {
	ev.Schema, ev.Table = "lib", "loan"
	b.Dead = append(b.Dead, change.DeadLetter{Offset: f.next, Schema: ev.Schema, Table: ev.Table, Reason: "bad", Event: ev})
	f.next++
	b.Parts[0].Next = f.next
}

// TestDeadLettersConfirm sets aside events of rows that live: the row of a letter's
// key is not closed; a letter without a key keeps the endsync waiting (rule R29). That
// of a delete confirms nothing.
func TestDeadLettersConfirm(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	f.apply(a, merge(t, 1000, loanShape, loanKey, 1, "a"), merge(t, 1000, loanShape, loanKey, 2, "b"), merge(t, 1000, loanShape, loanKey, 3, "c"))
	f.beginSync(f.next)
	a = f.applier()
	b := f.batch(snap(t, 2000, 100, 1, "a"))
	keyed := merge(t, 2000, loanShape, loanKey, 2, "x")
	keyed.Row, keyed.Shape = nil, nil
	f.aside(b, keyed)
	f.aside(b, remove(t, 2000, loanKey, 3))
	f.aside(b, change.Event{Op: change.Update, Target: target})
	if _, _, err := a.Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got := f.unconfirmed(); got != "3" {
		t.Errorf("not confirmed: %s, want 3", got)
	}
	if result := f.endsync(nil); !strings.Contains(result.Refused, "ID 3") {
		t.Errorf("an endsync beside an unreadable letter: %+v", result)
	}
	f.exec("DELETE FROM metadb.dead_letter WHERE id = 3")
	if result := f.endsync(nil); result.Closed != 1 {
		t.Errorf("%+v", result)
	}
}

// TestRowsWithoutAKeyAreFoundAgain brings two of three equal rows again, and one that
// is new; a delete ends one that was confirmed.
func TestRowsWithoutAKeyAreFoundAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	row := func(ms int64, id int, a string) change.Event { return merge(t, ms, loanShape, nil, id, a) }
	f.apply(a, row(1000, 1, "a"), row(1000, 1, "a"), row(1000, 1, "a"), row(1000, 2, "b"))
	f.beginSync(f.next)
	a = f.applier()
	again := func(id int, a string) change.Event {
		ev := positioned(row(2000, id, a), 100, -1)
		ev.Op, ev.Snapshot = change.Read, change.InSnapshot
		return ev
	}
	f.apply(a, again(1, "a"))
	f.apply(a, again(1, "a"), again(3, "c"))
	gone := positioned(row(3000, 1, "a"), 110, 100)
	gone.Op, gone.Before, gone.Row = change.Delete, gone.Row, nil
	f.apply(a, gone)
	if got := f.lines("SELECT relname::text FROM pg_class WHERE relname ~ '^sync_mark_[0-9]+$'"); len(got) != 1 {
		t.Errorf("partitions of marks: %v", got)
	}
	if result := f.endsync(nil); result.Closed != 2 {
		t.Errorf("%+v", result)
	}
	if diff := cmp.Diff([]string{"1 a", "3 c"}, f.lines("SELECT id || ' ' || a FROM lib.loan ORDER BY 1")); diff != "" {
		t.Error(diff)
	}
	if got := f.lines("SELECT count(*)::text FROM lib.loan__"); got[0] != "5" {
		t.Errorf("%s versions, want 5", got[0])
	}
	if _, kept, err := DropTables(t.Context(), f.config, DropOptions{Source: "s"}); len(kept) > 0 || err != nil {
		t.Fatal(kept, err)
	}
	if got := f.lines("SELECT relname::text FROM pg_class WHERE relname ~ '^sync_mark_[0-9]+$'"); len(got) != 0 {
		t.Errorf("marks of a dropped table: %v", got)
	}
}

// TestEndsyncKeepsToItsOwn closes children of JSON with their roots (rule R21), and
// leaves the rows of another source, with another origin, alone (rule R22).
func TestEndsyncKeepsToItsOwn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	f.apply(a, merge(t, 1000, loanShape, loanKey, 1, "a"), merge(t, 1000, loanShape, loanKey, 2, "b"))
	other := merge(t, 1000, loanShape, loanKey, 2, "other")
	other.Target = &change.Target{Schema: "lib", Table: "loan", Origin: "west"}
	f.apply(a, other)
	f.exec("UPDATE metadb.table_owner SET source = 'w' WHERE origin = 'west'")
	child := shapeOf("__root__id", change.Int4, "tag", change.Text)
	for id, tag := range []string{"", "one", "two"} {
		if id > 0 {
			ev := merge(t, 1000, child, shapeOf("__root__id", change.Int4), id, tag)
			ev.Target = &change.Target{Schema: "lib", Table: "loan__t"}
			f.apply(a, ev)
		}
	}
	f.exec(`UPDATE metadb.base_table SET transformed = true, parent_schema_name = 'lib', parent_table_name = 'loan' WHERE table_name = 'loan__t'`)
	f.beginSync(f.next)
	f.apply(f.applier(), snap(t, 2000, 100, 1, "a"))
	if result := f.endsync(nil); result.Closed != 1 {
		t.Errorf("%+v", result)
	}
	got := f.lines("SELECT id || ' ' || a FROM lib.loan UNION ALL SELECT __root__id || ' ' || tag FROM lib.loan__t ORDER BY 1")
	if diff := cmp.Diff([]string{"1 a", "1 one", "2 other"}, got); diff != "" {
		t.Error(diff)
	}
	ends := f.lines("SELECT DISTINCT __end::text FROM lib.loan__ WHERE NOT __current UNION SELECT __end::text FROM lib.loan__t__ WHERE NOT __current")
	if len(ends) != 1 {
		t.Errorf("ends %v", ends)
	}
}

// TestMarksAreSwept forgets marks of rows that have ended, and all of them where no
// synchronization needs any.
func TestMarksAreSwept(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.apply(f.applier(), merge(t, 1000, loanShape, loanKey, 1, "a"), merge(t, 1000, loanShape, loanKey, 2, "b"))
	f.beginSync(f.next)
	a := f.applier()
	for i := range 5 {
		f.apply(a, positioned(merge(t, 2000+int64(i), loanShape, loanKey, 1, string(rune('a'+i))), uint64(110+i), 100))
	}
	for i := range 5 { // as it is
		f.apply(a, positioned(merge(t, 3000+int64(i), loanShape, loanKey, 1, "e"), uint64(120+i), 100))
	}
	for range 3 {
		f.apply(a, snap(t, 4000, 100, 2, "b"))
	}
	f.exec("UPDATE metadb.sync_table SET confirmed = 1000000")
	if err := f.cat.SweepMarks(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	const marks = `SELECT (SELECT count(*) FROM metadb.sync_mark WHERE lsn IS NOT NULL) || ' ' || (SELECT coalesce(sum(cardinality(ids)), 0) FROM metadb.sync_mark_batch)`
	if got := f.lines(marks); got[0] != "1 1" {
		t.Errorf("%s streamed marks and marks of the snapshot, of two rows", got[0])
	}
	if got := f.unconfirmed(); got != "" {
		t.Errorf("not confirmed: %s", got)
	}
	f.exec("UPDATE metadb.source_sync SET adopted = false, begun_at = now() - interval '8 days'")
	f.exec("UPDATE metadb.source SET sync = 0")
	if err := f.cat.DropUnadopted(t.Context(), "s", 7*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := f.cat.SweepMarks(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	if got := f.lines(marks); got[0] != "0 0" {
		t.Errorf("%s marks that nobody adopted", got[0])
	}
	f.apply(a, merge(t, 3000, loanShape, loanKey, 2, "z")) // the run goes on, without marks
}
