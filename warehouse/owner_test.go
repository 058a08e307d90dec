package warehouse

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"metadb/catalog"
	"metadb/change"
)

func TestTableBelongsToOneSource(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.exec("INSERT INTO metadb.source (name, enable) VALUES ('s', true), ('second', true)")
	f.apply(f.applier(), merge(t, 10, loanShape, loanKey, 1, "x"))
	stream, err := f.cat.OpenStream(t.Context(), catalog.Source{Name: "second", Brokers: "b", Topics: "t", ConsumerGroup: "g"})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.cat.PlaceOffsets(t.Context(), "second", stream, []catalog.Offset{{Topic: "t"}}, nil); err != nil {
		t.Fatal(err)
	}
	second := func() *Applier {
		a, err := Open(t.Context(), f.config, Options{Source: "second", Stream: stream, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close(context.Background()) })
		return a
	}
	f.next = 0
	b := f.batch(merge(t, 20, loanShape, loanKey, 1, "y"))
	if _, _, err := second().Apply(t.Context(), b); !errors.Is(err, ErrOwned) {
		t.Fatalf("the second source's batch: %v, want ErrOwned", err)
	}
	other := merge(t, 20, loanShape, loanKey, 1, "y")
	other.Target = &change.Target{Schema: target.Schema, Table: target.Table, Origin: "west"}
	b.Events[0].Target = other.Target
	if _, _, err := second().Apply(t.Context(), b); err != nil {
		t.Fatalf("another origin: %v", err)
	}
	f.exec("DELETE FROM metadb.source WHERE name = 's'")
	f.next = 1
	if _, _, err := second().Apply(t.Context(), f.batch(merge(t, 30, loanShape, loanKey, 1, "z"))); err != nil {
		t.Fatalf("after the first source was dropped: %v", err)
	}
	want := []string{"10|30|1|x", "20|now|1|y", "30|now|1|z"}
	if diff := cmp.Diff(want, f.history("lib.loan__", "id::text, a")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := f.lines("SELECT source_name FROM metadb.base_table"); got[0] != "second" {
		t.Errorf("the table belongs to %s", got[0])
	}
}

// TestMakerOwnsItsOrigins takes over a table of Metadb 1.4, of whose origins
// nothing is recorded but the rows.
func TestMakerOwnsItsOrigins(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.exec("INSERT INTO metadb.source (name, enable) VALUES ('old', true), ('s', true)")
	f.apply(f.applier(), merge(t, 10, loanShape, loanKey, 1, "x"))
	f.exec("UPDATE lib.loan SET __origin = 'west'; DELETE FROM metadb.table_owner; UPDATE metadb.base_table SET source_name = 'old'")
	at := func(origin string) error {
		ev := merge(t, 20, loanShape, loanKey, 1, "y")
		ev.Target = &change.Target{Schema: target.Schema, Table: target.Table, Origin: origin}
		b := f.batch(ev)
		_, _, err := f.applier().Apply(t.Context(), b)
		if err != nil {
			f.next--
		}
		return err
	}
	if err := at("west"); !errors.Is(err, ErrOwned) {
		t.Errorf("an origin of the maker's: %v, want ErrOwned", err)
	}
	if err := at("east"); err != nil {
		t.Errorf("an origin of nobody's: %v", err)
	}
	f.exec("DELETE FROM metadb.source WHERE name = 'old'")
	if err := at("west"); err != nil {
		t.Errorf("after the maker was dropped: %v", err)
	}
}

// TestDroppedSourceMakesNothing has a run go on after its source and tables were
// dropped: it must not make or take tables again.
func TestDroppedSourceMakesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	f.apply(a, merge(t, 10, loanShape, loanKey, 1, "x"))
	stale := f.applier()
	if err := f.cat.ForgetStream(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	if dropped, kept, err := DropTables(t.Context(), f.config, DropOptions{Source: "s"}); dropped != 1 || len(kept) > 0 || err != nil {
		t.Fatalf("dropped %d, kept %v, %v", dropped, kept, err)
	}
	other := merge(t, 20, loanShape, loanKey, 1, "y")
	other.Target = &change.Target{Schema: "lib", Table: "other"}
	for _, ev := range []change.Event{other, merge(t, 20, loanShape, loanKey, 1, "y")} {
		if _, _, err := stale.Apply(t.Context(), f.batch(ev)); !errors.Is(err, ErrFenced) {
			t.Errorf("table %s: %v, want ErrFenced", ev.Target.Table, err)
		}
		stale = f.applier()
	}
	if got := f.lines("SELECT relname::text FROM pg_class WHERE relnamespace = 'lib'::regnamespace"); len(got) > 0 {
		t.Errorf("made again: %v", got)
	}
}
