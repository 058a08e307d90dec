package compare

import "testing"

// TestFormsOfTheWarehouse compares what PostgreSQL writes with what becomes of
// it on the way.
func TestFormsOfTheWarehouse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sqlType, truth, ours string
		equal                bool
	}{
		{"integer[]", "{1,2,NULL,-4}", "[1, 2, null, -4]", true},
		{"integer[]", "{1,2,NULL,-4}", "{1,2,NULL,-4}", true},
		{"integer[]", "{1,2}", "[2, 1]", false},
		{"integer[]", "{1,2}", "[1]", false},
		{"integer[]", "{}", "[]", true},
		{"integer[]", "{}", "[null]", false},
		{"integer[]", "{NULL}", "[0]", false},
		{"integer[]", "{1}", "null", false},
		{"integer[]", "{{1,2},{3,4}}", "[[1, 2], [3, 4]]", true},
		{"integer[]", "{{1,2},{3,4}}", "[null, null]", false},
		{"integer[]", "{{1,2},{3,4}}", "[1, 2, 3, 4]", false},
		{"integer[]", "[2:3]={7,8}", "[7, 8]", false},
		{"bigint[]", "{9007199254740993}", "[9007199254740992]", false},
		{"numeric(8,2)[]", "{1.10,-2.25}", "[1.1, -2.25]", true},
		{"numeric(8,2)[]", "{1.10,-2.25}", `["1.10", "-2.25"]`, true},
		{"numeric(8,2)[]", "{1.10}", "[1.11]", false},
		{"boolean[]", "{t,f,NULL}", "[true, false, null]", true},
		{"boolean[]", "{t}", "[false]", false},
		{"boolean[]", "{t}", `["t"]`, false},
		{"text[]", `{a,"b,c",NULL,"q\"uo\\te","{}","NULL"}`, `["a", "b,c", null, "q\"uo\\te", "{}", "NULL"]`, true},
		{"text[]", `{"NULL"}`, "[null]", false},
		{"text[]", `{1}`, "[1]", false},
		{"text[]", `{"a\",\"b"}`, `["a", "b"]`, false},
		{"text[]", `{"a`, `["a"]`, false},
		{"uuid[]", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", `["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]`, true},
		{"timestamp with time zone[]", `{"2025-01-01 00:00:00+00"}`, `["2025-01-01T00:00:00.000000Z"]`, true},
		{"timestamp with time zone[]", `{"2025-01-01 00:00:00+00"}`, `["2025-01-01T00:00:00.000001Z"]`, false},
		{"jsonb[]", `{"{\"a\": 1}"}`, `[{"a": 1.0}]`, true},
		{"hstore", `"a"=>"1", "d"=>"x\"y\\", "b c"=>NULL`, `{"a": "1", "d": "x\"y\\", "b c": null}`, true},
		{"hstore", `"a"=>"NULL"`, `{"a": null}`, false},
		{"hstore", `"a"=>"1"`, `{"a": 1}`, false},
		{"hstore", `"a"=>"1"`, `{"a": "1", "b": "2"}`, false},
		{"hstore", "", "{}", true},
		{"hstore", `"a"=>"1"`, "{}", false},
		{"bit(1)", "1", "t", true},
		{"bit(1)", "0", "false", true},
		{"bit(1)", "1", "f", false},
		{"bit(8)", "10101010", "10101010", true},
		{"bit(8)", "00000001", "1", false},
		{"bit varying(12)", "0101", "101", false},
		{"bytea", `\xdead`, `\xdead`, true},
		{"bytea", `\xdead`, "dead", false},
		{"bytea", `\x`, "", false},
		{"point", "(1.5,-2.25)", `{"x": 1.5, "y": -2.25, "wkb": "AQ==", "srid": null}`, true},
		{"point", "(-0,1e+30)", `{"x": 0, "y": 1000000000000000000000000000000}`, true},
		{"point", "(1.5,-2.25)", `{"x": -2.25, "y": 1.5}`, false},
		{"point", "(1,0)", `{"x": 1}`, false},
		{"interval", "150:00:37.5", "540037500000", true},
		{"interval", "150:00:37.5", "540037500001", false},
		{"interval", "-00:00:00.000001", "-1", true},
		{"interval", "00:00:00", "0", true},
		{"interval", "-3 days", "-259200000000", false},
		{"interval", "1 mon", "2629800000000", false},
		{"interval", "1 year 2 mons 3 days 04:05:06.789", "P1Y2M3DT4H5M6.789S", true},
		{"interval", "-1 years -2 mons +3 days -04:05:06.789", "P-1Y-2M3DT-4H-5M-6.789S", true},
		{"interval", "-3 days", "P0Y0M-3DT0H0M0S", true},
		{"interval", "1 mon", "P0Y0M30DT0H0M0S", false},
		{"interval", "00:01:00", "P1M", false},
		{"interval", "00:00:01", "P", false},
		{"money", "$92,233.07", "92233.07", true},
		{"numeric", "NaN", "NAN", true},
		{"numeric", "-Infinity", "POSITIVE_INFINITY", false},
		{"time with time zone", "10:00:00+02", "08:00:00+00", false},
		{"tstzrange", "(,)", "empty", false},
		{"inet", "192.168.1.5/24", "192.168.1.5/24", true},
		// Only some configurations of the connector send values so.
		{"date", "2020-02-29", "18321", false},
		{"numeric(14,2)", "-2907.75", "+5Ap", false},
	} {
		alike(t, rendering{}, test.sqlType, test.truth, test.ours, test.equal)
	}
}

// TestFormsOfConfigurations does so for variants of the connector.
func TestFormsOfConfigurations(t *testing.T) {
	t.Parallel()
	const noSchema, connect, text = "variants/vnoschema", "variants/vnumeric", "variants/vstring"
	for _, test := range []struct {
		capture, sqlType, truth, ours string
		equal                         bool
	}{
		{noSchema, "numeric(14,2)", "-2907.75", "+5Ap", true},
		{noSchema, "numeric(14,2)", "-2907.74", "+5Ap", false},
		{noSchema, "numeric(14,1)", "-2907.75", "+5Ap", false},
		{noSchema, "numeric", "0.29", `{"scale": 2, "value": "HQ=="}`, true},
		{noSchema, "numeric", "2.9", `{"scale": 2, "value": "HQ=="}`, false},
		{noSchema, "numeric", "0", `{"scale": 0, "value": ""}`, false},
		{noSchema, "numeric(6,2)[]", "{1.10,-2.20}", `["bg==", "/yQ="]`, true},
		{noSchema, "numeric(6,2)[]", "{1.10,-2.20}", `["bg==", "/yU="]`, false},
		{noSchema, "money", "$2.00", "AMg=", true},
		{noSchema, "integer", "2", "AMg=", false},
		{noSchema, "date", "2020-02-29", "18321", true},
		{noSchema, "date", "2020-02-29", "18322", false},
		{noSchema, "date", "1969-12-31", "-1", true},
		{noSchema, "timestamp(6) without time zone", "2025-02-02 02:02:02.000002", "1738461722000002", true},
		{noSchema, "timestamp(6) without time zone", "2025-02-02 02:02:02.000002", "1738461722000003", false},
		{noSchema, "timestamp(3) without time zone", "2025-02-02 02:02:02.002", "1738461722002", true},
		{noSchema, "timestamp without time zone", "2025-02-02 00:00:00", "1738454400000000", true},
		{noSchema, "time without time zone", "00:00:00.000001", "1", true},
		{noSchema, "time(3) without time zone", "00:00:00.001", "1", true},
		{noSchema, "bytea", `\xdead`, "3q0=", true},
		{noSchema, "bytea", `\xdeae`, "3q0=", false},
		{noSchema, "bytea", `\x`, "", true},
		{noSchema, "bit(8)", "10101010", "qg==", true},
		{noSchema, "bit(8)", "00000000", "", true},
		{noSchema, "bit(12)", "000110101010", "qgE=", true},
		{noSchema, "bit(8)", "10101011", "qg==", false},
		{connect, "timestamp(6) without time zone", "2025-02-02 02:02:02.5", "1738461722500", true},
		{connect, "timestamp(6) without time zone", "2025-02-02 02:02:02.500001", "1738461722500", false},
		{connect, "date", "2020-02-29", "18321", true},
		{connect, "numeric(14,2)", "-2907.75", "+5Ap", false},
		{text, "bytea", `\xdead`, "dead", true},
		{text, "bytea", `\xdeae`, "dead", false},
		{text, "bytea", `\xdead`, "3q0=", false},
		{text, "date", "2020-02-29", "18321", false},
	} {
		alike(t, renderingOf(test.capture), test.sqlType, test.truth, test.ours, test.equal)
	}
}

func alike(t *testing.T, r rendering, sqlType, truth, ours string, want bool) {
	t.Helper()
	k := kindOf(sqlType)
	if got := normal(k, Cell{Text: truth}) == r.normal(k, Cell{Text: ours}); got != want {
		t.Errorf("%s: %s and %s: equal %t\n%+v\n%+v", sqlType, truth, ours, got, normal(k, Cell{Text: truth}), r.normal(k, Cell{Text: ours}))
	}
}
