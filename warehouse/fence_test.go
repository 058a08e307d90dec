package warehouse

import (
	"errors"
	"testing"

	"metadb/catalog"
)

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
