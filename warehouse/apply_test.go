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

var (
	loanShape = shapeOf("id", change.Int4, "a", change.Text)
	loanKey   = shapeOf("id", change.Int4)
)

func TestVersions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		events func(t testing.TB) []change.Event
		want   []string
	}{
		{"the example of the layout", func(t testing.TB) []change.Event {
			return []change.Event{
				merge(t, 10, loanShape, loanKey, 1, "x"), merge(t, 20, loanShape, loanKey, 1, "y"),
				merge(t, 25, loanShape, loanKey, 1, "y"), remove(t, 30, loanKey, 1), merge(t, 40, loanShape, loanKey, 1, "z"),
			}
		}, []string{"10|20|1|x", "20|30|1|y", "40|now|1|z"}},
		{"there and back again", func(t testing.TB) []change.Event {
			return []change.Event{
				merge(t, 10, loanShape, loanKey, 1, "a"), merge(t, 11, loanShape, loanKey, 1, "b"), merge(t, 12, loanShape, loanKey, 1, "a"),
			}
		}, []string{"10|11|1|a", "11|12|1|b", "12|now|1|a"}},
		{"a value that was not sent", func(t testing.TB) []change.Event {
			return []change.Event{
				merge(t, 10, loanShape, loanKey, 1, "big"), merge(t, 11, loanShape, loanKey, 1, unavailable{}),
				merge(t, 12, loanShape, loanKey, 2, unavailable{}),
			}
		}, []string{"10|now|1|big", "12|now|2|\\N"}},
		{"truncate is a barrier", func(t testing.TB) []change.Event {
			return []change.Event{
				merge(t, 10, loanShape, loanKey, 1, "a"),
				{Op: change.Truncate, TsMs: 15, Target: target},
				merge(t, 20, loanShape, loanKey, 1, "a"),
			}
		}, []string{"10|15|1|a", "20|now|1|a"}},
		{"same millisecond", func(t testing.TB) []change.Event {
			return []change.Event{merge(t, 10, loanShape, loanKey, 1, "a"), merge(t, 10, loanShape, loanKey, 1, "b")}
		}, []string{"10|10|1|a", "10|now|1|b"}},
		{"NULL is not the empty text", func(t testing.TB) []change.Event {
			return []change.Event{merge(t, 10, loanShape, loanKey, 1, nil), merge(t, 11, loanShape, loanKey, 1, "")}
		}, []string{"10|11|1|\\N", "11|now|1|"}},
	}
	for _, tt := range tests {
		for _, size := range []int{1, 100} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				a := f.applier()
				events := tt.events(t)
				for len(events) > 0 {
					n := min(size, len(events))
					f.apply(a, events[:n]...)
					events = events[n:]
				}
				if diff := cmp.Diff(tt.want, f.history("lib.loan__", "id::text, a")); diff != "" {
					t.Errorf("batches of %d (-want +got):\n%s", size, diff)
				}
			})
		}
	}
}

func TestLayoutIsThatOf14(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := shapeOf("id", change.Int4, "a", change.Text, "u", change.UUID, "j", change.JSONB)
	f.apply(f.applier(), merge(t, 1_700_000_000_123, s, loanKey, 1, "x", nil, `{"b": 1}`))
	want := []string{
		"loan|r|FOR VALUES IN (true)",
		"loan__|p|",
		"zzz___loan___|p|FOR VALUES IN (false)",
		"zzz___loan___2023|r|FOR VALUES FROM ('2023-01-01 00:00:00+00') TO ('2024-01-01 00:00:00+00')",
		"zzz___loan___sync|r|",
	}
	got := f.lines(`SELECT concat_ws('|', relname, relkind, coalesce(pg_get_expr(relpartbound, oid), '')) FROM pg_class
		WHERE relnamespace = 'lib'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname COLLATE "C"`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("relations (-want +got):\n%s", diff)
	}
	columns := []string{
		"__id|bigint|true", "__start|timestamp with time zone|true", "__end|timestamp with time zone|true",
		"__current|boolean|true", "__origin|character varying(63)|true",
		"id|integer|false", "a|text|false", "u|uuid|false", "j|jsonb|false",
	}
	got = f.lines(`SELECT concat_ws('|', attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'true' ELSE 'false' END)
		FROM pg_attribute WHERE attrelid = 'lib.loan__'::regclass AND attnum > 0 ORDER BY attnum`)
	if diff := cmp.Diff(columns, got); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	indexes := []string{"__id", "id", "u"}
	got = f.lines(`SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
		WHERE i.indrelid = 'lib.loan__'::regclass ORDER BY 1`)
	if diff := cmp.Diff(indexes, got); diff != "" {
		t.Errorf("indexes (-want +got):\n%s", diff)
	}
	got = f.lines("SELECT concat_ws('|', schema_name, table_name, source_name, transformed, parent_table_name) FROM metadb.base_table")
	if diff := cmp.Diff([]string{"lib|loan|s|f|"}, got); diff != "" {
		t.Errorf("base_table (-want +got):\n%s", diff)
	}
}

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

func TestKeylessTable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	row := func(ms int64, what string, n any) change.Event { return merge(t, ms, logShape, nil, what, n) }
	f.apply(a, row(10, "x", 1), row(11, "x", 1), row(12, "y", nil))
	gone := change.Event{Op: change.Delete, TsMs: 20, Target: target, Shape: logShape, Before: tuple(t, logShape, "x", 1)}
	moved := row(21, "z", 2)
	moved.Op, moved.Before = change.Update, tuple(t, logShape, "y", nil)
	f.apply(a, gone, moved)
	f.apply(a, gone)
	current := f.lines("SELECT concat_ws('|', what, coalesce(n::text, '-')) FROM lib.loan ORDER BY 1")
	if diff := cmp.Diff([]string{"z|2"}, current); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A row that a batch first adds and then ends twice: the second end is for the
// equal row that was there before.
func TestKeylessRowAddedAndEndedTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	row := func(ms int64) change.Event { return merge(t, ms, logShape, nil, "x", 1) }
	gone := change.Event{Op: change.Delete, TsMs: 20, Target: target, Shape: logShape, Before: tuple(t, logShape, "x", 1)}
	f.apply(a, row(10))
	f.apply(a, row(11), gone, gone)
	if got := f.lines("SELECT count(*)::text FROM lib.loan"); got[0] != "0" {
		t.Errorf("%s rows are left", got[0])
	}
}

// A change of key sends the new row without its large value: the row under the old
// key has it, ended in the same batch or in one before.
func TestChangeOfKeyKeepsValuesThatWereNotSent(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 10} {
		f := newFixture(t)
		a := f.applier()
		moved := merge(t, 20, loanShape, loanKey, 2, unavailable{})
		moved.Op, moved.OldKey = change.Create, tuple(t, loanKey, 1)
		events := []change.Event{merge(t, 10, loanShape, loanKey, 1, "big"), remove(t, 20, loanKey, 1), moved}
		for len(events) > 0 {
			n := min(size, len(events))
			f.apply(a, events[:n]...)
			events = events[n:]
		}
		if diff := cmp.Diff([]string{"10|20|1|big", "20|now|2|big"}, f.history("lib.loan__", "id::text, a")); diff != "" {
			t.Errorf("batches of %d (-want +got):\n%s", size, diff)
		}
	}
}

// Events under a damaged name come without a key: the table's own finds their rows.
func TestKnownKeyServesEventsWithoutOne(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	damaged := merge(t, 20, loanShape, loanKey, 1, "y")
	damaged.KeyShape, damaged.Key = nil, nil
	f.apply(a, merge(t, 10, loanShape, loanKey, 1, "x"))
	f.apply(a, damaged)
	if diff := cmp.Diff([]string{"10|20|1|x", "20|now|1|y"}, f.history("lib.loan__", "id::text, a")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

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

// A snapshot row that comes after the changes which followed it, as by another
// topic, is history: it must not become current.
func TestSnapshotRowThatComesLate(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 10} {
		f := newFixture(t)
		a := f.applier()
		late := merge(t, 10, loanShape, loanKey, 1, "x")
		late.Op = change.Read
		equal := merge(t, 5, loanShape, loanKey, 1, "z")
		equal.Op = change.Read
		events := []change.Event{merge(t, 20, loanShape, loanKey, 1, "y"), merge(t, 30, loanShape, loanKey, 1, "z"), late, equal}
		for len(events) > 0 {
			n := min(size, len(events))
			f.apply(a, events[:n]...)
			events = events[n:]
		}
		want := []string{"20|30|1|y", "30|now|1|z", "10|20|1|x"}
		if diff := cmp.Diff(want, f.history("lib.loan__", "id::text, a")); diff != "" {
			t.Errorf("batches of %d (-want +got):\n%s", size, diff)
		}
	}
}

func TestLedger(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	f.apply(a, merge(t, 10, loanShape, loanKey, 1, "x"), merge(t, 10, loanShape, loanKey, 2, "x"))
	f.apply(a, merge(t, 20, loanShape, loanKey, 1, "y"))
	f.apply(a, merge(t, 30, loanShape, loanKey, 1, "y"))
	f.apply(a, change.Event{Op: change.Truncate, TsMs: 40, Target: target})
	want := []string{"1|2||f", "3|3|{1}|f", "||  |t"}
	want[2] = "|||t"
	got := f.lines(`SELECT coalesce(min_id::text, '') || '|' || coalesce(max_id::text, '') || '|' || coalesce(closed_ids::text, '')
		|| '|' || CASE WHEN bulk THEN 't' ELSE 'f' END FROM metadb.apply_ledger ORDER BY xid`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
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
