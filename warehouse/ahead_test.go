package warehouse

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"metadb/change"
)

// TestYearsAheadOfTime makes next year's partition in December, of one table for
// each batch, and not while somebody holds the table.
func TestYearsAheadOfTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	now := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	a, err := Open(t.Context(), f.config, Options{Source: "s", Stream: f.stream, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close(context.Background())
	years := func(want ...string) {
		t.Helper()
		got := f.lines("SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relispartition AND relname LIKE 'zzz%' ORDER BY relname")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	n := 0
	both := func() {
		t.Helper()
		n++
		one := merge(t, now.UnixMilli(), loanShape, loanKey, 1, string(rune('a'+n)))
		two := one
		two.Target = &change.Target{Schema: "lib", Table: "other"}
		f.apply(a, one, two)
	}
	both()
	years("zzz___loan___2026", "zzz___other___2026")
	now = now.AddDate(0, 1, 0)
	both()
	years("zzz___loan___2026", "zzz___loan___2027", "zzz___other___2026")
	tx, err := f.pool.Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), "LOCK TABLE lib.zzz___other___ IN SHARE UPDATE EXCLUSIVE MODE")
	}
	if err != nil {
		t.Fatal(err)
	}
	both()
	years("zzz___loan___2026", "zzz___loan___2027", "zzz___other___2026")
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	both()
	years("zzz___loan___2026", "zzz___loan___2027", "zzz___other___2026")
	now = now.Add(aheadPause)
	both()
	years("zzz___loan___2026", "zzz___loan___2027", "zzz___other___2026", "zzz___other___2027")
}

// TestYearsAreAttachedPastReaders makes the year of an event while somebody reads
// the table: only creating it as a partition would wait.
func TestYearsAreAttachedPastReaders(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	f.apply(a, merge(t, 10, loanShape, loanKey, 1, "x"))
	tx, err := f.pool.Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), "SELECT FROM lib.loan__")
	}
	if err != nil {
		t.Fatal(err)
	}
	f.apply(a, merge(t, 400*86_400_000, loanShape, loanKey, 1, "y"))
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.history("lib.loan__", "a"); len(got) != 2 {
		t.Errorf("history %v", got)
	}
}

// TestColumnComments says at a column what it holds, and its name in the source
// where that could not stay.
func TestColumnComments(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	shape := shapeOf("id", change.Int4, "a", change.Bytea, "__end", change.Int4)
	shape.Columns[1].Note = "bytes'; --"
	f.apply(f.applier(), merge(t, 10, shape, loanKey, 1, []byte{1}, 2))
	for _, relation := range []string{"lib.loan", "lib.loan__"} {
		got := f.lines("SELECT attname || ': ' || coalesce(col_description(attrelid, attnum), '-') FROM pg_attribute WHERE attrelid = '" + relation +
			"'::regclass AND attnum > 0 AND attname IN ('id', 'a', 'source__end') ORDER BY attnum")
		if diff := cmp.Diff([]string{"id: -", "a: bytes'; --", "source__end: column __end of the source"}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", relation, diff)
		}
	}
}
