package compare

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadCSV(t *testing.T) {
	t.Parallel()
	sheet, err := ReadCSV(strings.NewReader("a,\"b \"\"c\"\"\"\n\\N,\"\\N\"\n,\"\"\n\"x,\ny\",z\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := &Sheet{
		Columns: []string{"a", `b "c"`},
		Rows: [][]Cell{
			{{Null: true}, {Text: `\N`}},
			{{}, {}},
			{{Text: "x,\ny"}, {Text: "z"}},
		},
	}
	if diff := cmp.Diff(want, sheet); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"", "a,b\n1\n", "a\n\"open", "a\n1,2\n"} {
		if _, err := ReadCSV(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestNormal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sqlType, a, b string
		equal         bool
	}{
		{"numeric(10,2)", "1.50", "1.5", true},
		{"numeric", "1e3", "1000", true},
		{"numeric", "NaN", "NaN", true},
		{"numeric", "12345678901234567890123456789012345678.1", "12345678901234567890123456789012345678.2", false},
		{"numeric", "1e999999999", "1e999999998", false},
		{"bigint", "9007199254740993", "9007199254740992", false},
		{"timestamp with time zone", "2025-01-13 00:00:00+00", "2025-01-13T00:00:00.000000Z", true},
		{"timestamp with time zone", "2025-01-13 00:00:01+00", "2025-01-13T00:00:00.000000Z", false},
		{"money", "-$1,234.50", "-1234.5", true},
		{"real", "0.1", "0.100000001", true},
		{"double precision", "0.1", "0.100000001", false},
		{"boolean", "t", "true", true},
		{"boolean", "t", "f", false},
		{"text", "a", "a ", false},
		{"character(6)", "ab    ", "ab", true},
		{"character varying(6)", "ab ", "ab", false},
		{"jsonb", `{"a": 1.0, "b": [true, null]}`, `{"b":[true,null],"a":1}`, true},
		{"jsonb", `{"a": 9007199254740993}`, `{"a": 9007199254740992}`, false},
		{"jsonb", `{"a": "1"}`, `{"a": 1}`, false},
		{"jsonb", `[null]`, `["<nil>"]`, false},
		{"json", `"\u00e9"`, `"é"`, true},
		{"timestamp without time zone", "2026-01-01 00:00:00.5", "2026-01-01 00:00:00.500000+00", true},
		{"timestamp with time zone", "2026-01-01 00:00:00+00", "2026-01-01", true},
		{"timestamp with time zone", "0044-03-15 00:00:00+00 BC", "0044-03-15 00:00:00+00", false},
		{"date", "2026-01-10", "2026-01-1", false},
		{"time without time zone", "10:00:00", "10:00:00.000", true},
		{"time without time zone", "10:00:00", "10:00:01", false},
	} {
		k := kindOf(test.sqlType)
		if equal := normal(k, Cell{Text: test.a}) == normal(k, Cell{Text: test.b}); equal != test.equal {
			t.Errorf("%s: %s and %s: equal %t", test.sqlType, test.a, test.b, equal)
		}
		if normal(k, Cell{Null: true}) == normal(k, Cell{}) {
			t.Errorf("%s: NULL equals the empty text", test.sqlType)
		}
	}
}

func TestSchemas(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		options Schemas
		source  string
		schema  string
		origin  string
	}{
		{Schemas{}, "diku_mod_inventory_storage", "diku_inventory", ""},
		{Schemas{TrimPrefix: "diku_", AddPrefix: "folio_"}, "diku_mod_inventory_storage", "folio_inventory", ""},
		{Schemas{}, "mod_circulation_storage", "circulation", ""},
		{Schemas{Origins: []string{"west"}, AddPrefix: "reshare_"}, "west_mod_rs", "reshare_rs", "west"},
		{Schemas{MapPublic: "pub", AddPrefix: "z_", Origins: []string{"public"}}, "public", "pub", ""},
		{Schemas{AddPrefix: "z_"}, "public", "z_public", ""},
		{Schemas{}, "x_mod_y_mod_z_storage_storage", "x_y_mod_z_storage", ""},
		{Schemas{}, "mod_mod_a", "mod_a", ""},
		{Schemas{Origins: []string{"a", "a_b"}}, "a_b_x", "b_x", "a"},
	} {
		if schema, origin := test.options.Target(test.source); schema != test.schema || origin != test.origin {
			t.Errorf("%s: %s, %s", test.source, schema, origin)
		}
	}
}
