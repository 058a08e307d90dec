package warehouse

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"metadb/catalog"
)

func TestPositionMovesWithTheRows(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	b := f.batch(merge(t, 10, loanShape, loanKey, 1, "x"))
	if _, _, err := a.Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got := f.lines("SELECT next::text FROM metadb.source_offset"); got[0] != "1" {
		t.Errorf("position %s, want 1", got[0])
	}
	// The same batch again: its positions have moved, so it must change nothing.
	if _, _, err := a.Apply(t.Context(), b); !errors.Is(err, ErrFenced) {
		t.Fatalf("second application: %v, want ErrFenced", err)
	}
	a.Close(t.Context())
	if got := f.lines("SELECT count(*)::text FROM lib.loan__"); got[0] != "1" {
		t.Errorf("%s rows, want 1", got[0])
	}
}

func TestLaterEpochFencesEarlier(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	zombie := f.applier()
	f.apply(zombie, merge(t, 10, loanShape, loanKey, 1, "x"))
	if _, err := f.cat.OpenStream(t.Context(), sourceS); err != nil {
		t.Fatal(err)
	}
	_, _, err := zombie.Apply(t.Context(), f.batch(merge(t, 20, loanShape, loanKey, 1, "y")))
	if !errors.Is(err, ErrFenced) {
		t.Fatalf("zombie's batch: %v, want ErrFenced", err)
	}
	if diff := cmp.Diff([]string{"10|now|1|x"}, f.history("lib.loan__", "id::text, a")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestBatchOfAnOlderGeneration holds a batch at the source's lock while a new
// generation begins: it must see the new number although it came before (rule R14).
func TestBatchOfAnOlderGeneration(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	f.apply(a, merge(t, 1000, loanShape, loanKey, 1, "old"))
	tx, err := f.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := catalog.LockSourceExclusive(t.Context(), tx, f.stream.SourceID); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, _, err := a.Apply(t.Context(), f.batch(merge(t, 2000, loanShape, loanKey, 1, "new")))
		done <- err
	}()
	f.waitFor("1", "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
	if _, err := tx.Exec(t.Context(), "UPDATE metadb.source_state SET generation = generation + 1"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, ErrFenced) {
		t.Errorf("the batch ended with %v", err)
	}
	if got := f.lines("SELECT a FROM lib.loan"); len(got) != 1 || got[0] != "old" {
		t.Errorf("rows %v", got)
	}
}
