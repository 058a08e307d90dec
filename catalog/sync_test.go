package catalog

import (
	"errors"
	"testing"
)

// TestGenerationOfARunThatWasReplaced lets a run that has read what is asked for come
// back after another one has begun a generation, and read: it changes nothing, else
// what was confirmed since would be forgotten.
func TestGenerationOfARunThatWasReplaced(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	c := New(i.pool)
	i.text("INSERT INTO metadb.source (name, enable, sync) VALUES ('s', true, 2) RETURNING name")
	s := Source{Name: "s", Brokers: "b", Topics: "^a", ConsumerGroup: "g"}
	old, err := c.OpenStream(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	st, err := c.OpenStream(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.BeginSync(t.Context(), "s", st, SyncBegin{}); err != nil {
		t.Fatal(err)
	}
	const state = `SELECT s.sync || ' ' || y.generation || ' ' || y.mode || ' ' || t.generation
		FROM metadb.source s JOIN metadb.source_sync y ON y.source = s.name JOIN metadb.source_state t USING (source)`
	want := i.text(state)
	for name, change := range map[string]func() error{
		"begin":         func() error { _, err := c.BeginSync(t.Context(), "s", old, SyncBegin{}); return err },
		"begin initial": func() error { _, err := c.BeginInitial(t.Context(), "s", old); return err },
		"forget":        func() error { _, err := c.ForgetSync(t.Context(), "s", old, nil); return err },
		"end initial":   func() error { return c.EndInitial(t.Context(), "s", old, 0, "") },
	} {
		if err := change(); !errors.Is(err, ErrReplaced) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := i.text(state); got != want {
		t.Errorf("synchronization %s, was %s", got, want)
	}
}
