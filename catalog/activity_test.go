package catalog

import (
	"testing"
	"time"
)

// TestActivityIsStoredOnce stores again what was stored by an attempt whose answer got
// lost, and what was not.
func TestActivityIsStoredOnce(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	c := New(i.pool)
	list := []Activity{{At: time.Now(), Role: "r", Statement: "S", Outcome: "committed"}, {At: time.Now(), Role: "r", Statement: "T", Outcome: "failed"}}
	stored := func() string { return i.text("SELECT count(*)::text FROM metadb.activity") }
	tx, err := i.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var attempt string
	if err := tx.QueryRow(t.Context(), "SELECT pg_current_xact_id()::text").Scan(&attempt); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "INSERT INTO metadb.activity (at, role, address, application, backend_pid, statement, text, outcome, sqlstate) VALUES (now(), '', '', '', 1, '', '', 'failed', '')"); err != nil {
		t.Fatal(err)
	}
	if again, err := c.StoreActivity(t.Context(), list, attempt); err == nil || again != attempt {
		t.Errorf("while the attempt is in progress: %q, %v", again, err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again, err := c.StoreActivity(t.Context(), list, attempt); err != nil || again != "" || stored() != "1" {
		t.Errorf("the attempt was committed: %q, %v, %s rows", again, err, stored())
	}
	if tx, err = i.pool.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := tx.QueryRow(t.Context(), "SELECT pg_current_xact_id()::text").Scan(&attempt); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again, err := c.StoreActivity(t.Context(), list, attempt); err != nil || again != "" || stored() != "3" {
		t.Errorf("the attempt was rolled back: %q, %v, %s rows", again, err, stored())
	}
	list[1].Outcome = "no such"
	if again, err := c.StoreActivity(t.Context(), list, ""); err == nil || again == "" || stored() != "3" {
		t.Errorf("refused: %q, %v, %s rows", again, err, stored())
	}
}
