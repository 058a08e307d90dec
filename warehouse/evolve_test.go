package warehouse

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"metadb/catalog"
	"metadb/change"
)

var (
	sourceS  = catalog.Source{Name: "s", Brokers: "b", Topics: "t", ConsumerGroup: "g"}
	logShape = shapeOf("what", change.Text, "n", change.Int4)
)

func TestColumnsComeAndGo(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	wider := shapeOf("id", change.Int4, "b", change.Int4, "a", change.Text)
	f.apply(f.applier(),
		merge(t, 10, loanShape, loanKey, 1, "x"),
		merge(t, 20, wider, loanKey, 1, 7, "x"),
		merge(t, 30, loanShape, loanKey, 1, "x"),
		merge(t, 40, loanShape, loanKey, 1, "x"))
	want := []string{`10|20|1|x|\N`, `20|30|1|x|7`, `30|now|1|x|\N`}
	if diff := cmp.Diff(want, f.history("lib.loan__", "id::text, a, b::text")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTypeChangeInTheMiddleOfABatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		from, to   change.Type
		v1, v2     any
		wantType   string
		want1      string
		want2      string
		wantValues int
	}{
		{"int to bigint", change.Int4, change.Int8, 5, int64(1) << 40, "bigint", "5", "1099511627776", 2},
		{"bigint keeps int", change.Int8, change.Int4, int64(1) << 40, 5, "bigint", "1099511627776", "5", 2},
		{"int to numeric", change.Int4, change.Numeric, 5, "5.50", "numeric", "5", "5.50", 2},
		{"int to numeric, equal", change.Int4, change.Numeric, 5, "5.00", "numeric", "5", "5", 1},
		{"real to double", change.Float4, change.Float8, float32(0.5), 0.1, "double precision", "0.5", "0.1", 2},
		{"real to double, as the source's cast", change.Float4, change.Float8, float32(0.1), 0.10000000149011612, "double precision",
			"0.10000000149011612", "0.10000000149011612", 1},
		{"double to numeric, as the source's cast", change.Float8, change.Numeric, 0.12345678901234568, "0.123456789012346", "numeric",
			"0.123456789012346", "0.123456789012346", 1},
		{"double to numeric, infinite", change.Float8, change.Numeric, math.Inf(-1), "1.5", "numeric", "-Infinity", "1.5", 2},
		{"double takes real", change.Float8, change.Float4, 0.5, float32(0.1), "double precision", "0.5", "0.1", 2},
		{"bigint and double", change.Int8, change.Float8, int64(9007199254740993), 0.5, "numeric", "9007199254740993", "0.5", 2},
		{"bool to text", change.Bool, change.Int4, true, 7, "text", "true", "7", 2},
		{"date to text", change.Date, change.Text, "2022-01-08", "x", "text", "2022-01-08", "x", 2},
		{"text takes date", change.Text, change.Date, "x", "2022-01-08", "text", "x", "2022-01-08T00:00:00Z", 2},
		{"uuid keeps uuid text", change.UUID, change.Text, "6f0c0000-0000-0000-0000-000000000001", "6f0c0000-0000-0000-0000-000000000002",
			"uuid", "6f0c0000-0000-0000-0000-000000000001", "6f0c0000-0000-0000-0000-000000000002", 2},
		{"uuid to text", change.UUID, change.Text, "6f0c0000-0000-0000-0000-000000000001", "no uuid",
			"text", "6f0c0000-0000-0000-0000-000000000001", "no uuid", 2},
		{"jsonb to text", change.JSONB, change.Text, `{"a":1}`, "x", "text", `{"a": 1}`, "x", 2},
		{"numeric keeps double", change.Numeric, change.Float8, "1.50", 2.25, "numeric", "1.50", "2.25", 2},
	}
	for _, tt := range tests {
		for _, size := range []int{1, 2} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				a := f.applier()
				before, after := shapeOf("id", change.Int4, "v", tt.from), shapeOf("id", change.Int4, "v", tt.to)
				events := []change.Event{merge(t, 10, before, loanKey, 1, tt.v1), merge(t, 20, after, loanKey, 1, tt.v2)}
				for len(events) > 0 {
					f.apply(a, events[:size]...)
					events = events[size:]
				}
				want := []string{"10|20|" + tt.want1, "20|now|" + tt.want2}
				if tt.wantValues == 1 {
					want = []string{"10|now|" + tt.want1}
				}
				if diff := cmp.Diff(want, f.history("lib.loan__", "v::text")); diff != "" {
					t.Errorf("batches of %d (-want +got):\n%s", size, diff)
				}
				got := f.lines(`SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'lib.loan__'::regclass AND attname = 'v'`)
				if got[0] != tt.wantType {
					t.Errorf("type %s, want %s", got[0], tt.wantType)
				}
			})
		}
	}
}

func TestKeyDefinitionChanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	two := shapeOf("id", change.Int4, "a", change.Text)
	f.apply(f.applier(),
		merge(t, 10, loanShape, loanKey, 1, "x"),
		merge(t, 20, loanShape, two, 1, "y"),
		merge(t, 30, loanShape, two, 1, "x"),
		remove(t, 40, two, 1, "y"))
	want := []string{"10|now|1|x", "20|40|1|y"}
	if diff := cmp.Diff(want, f.history("lib.loan__", "id::text, a")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLongAndHostileNames(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	long := "this_is_a_table_name_with_exactly_sixty_three_characters_in_it_"
	for i, name := range []string{long, long[:62] + "x", `a"b'c; drop table x; --`, "Région"} {
		to := &change.Target{Schema: `S "x"`, Table: name}
		shape := shapeOf("id", change.Int4, `c"; --`, change.Text, "__start", change.Int4)
		for ms := int64(0); ms < 3; ms++ {
			e := merge(t, ms*400*86400000, shape, loanKey, 1, "v", int(ms)+i)
			e.Target = to
			f.apply(a, e)
		}
	}
	got := f.lines(`SELECT (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM %I.%I', schema_name, table_name), false, true, '')))[1]::text
		FROM metadb.base_table ORDER BY table_name`)
	if diff := cmp.Diff([]string{"1", "1", "1", "1"}, got); diff != "" {
		t.Errorf("current rows (-want +got):\n%s", diff)
	}
	// A new run must find all of it again.
	b := f.applier()
	if len(b.tables) != 4 || len(b.tables[tableName{`S "x"`, long}].years) != 3 {
		t.Errorf("reloaded %d tables, years %v", len(b.tables), b.tables[tableName{`S "x"`, long}])
	}
}

// A delete may be the first event that has the key in a new type.
func TestDeleteWithKeyOfNewType(t *testing.T) {
	t.Parallel()
	wide, word := shapeOf("id", change.Int8), shapeOf("id", change.Text)
	tests := []struct {
		name  string
		event change.Event
		want  []string
	}{
		{"text", remove(t, 20, word, "1"), []string{"10|20|1|x"}},
		{"bigint", remove(t, 20, wide, int64(1)), []string{"10|20|1|x"}},
		{"bigint whose low half is another key", remove(t, 20, wide, int64(1<<32+1)), []string{"10|now|1|x"}},
		{"another key", remove(t, 20, shapeOf("code", change.Text), "1"), []string{"10|now|1|x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			a := f.applier()
			f.apply(a, merge(t, 10, loanShape, loanKey, 1, "x"))
			f.apply(a, tt.event)
			if diff := cmp.Diff(tt.want, f.history("lib.loan__", "id::text, a")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
