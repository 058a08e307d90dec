package warehouse

import (
	"testing"

	"github.com/google/go-cmp/cmp"

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
