package warehouse

import (
	"math"
	"testing"

	"metadb/change"
)

func TestTextForms(t *testing.T) {
	t.Parallel()
	day := func(days int64) []byte { return int32Bytes(int32(days)) }
	clock := int64Bytes(3*3_600_000_000 + 4*60_000_000 + 5_000_000 + 60)
	tests := []struct {
		typ  change.Type
		v    []byte
		want string
	}{
		{change.Bool, []byte{1}, "true"},
		{change.Int2, []byte{0xff, 0xfe}, "-2"},
		{change.Int8, int64Bytes(math.MinInt64), "-9223372036854775808"},
		{change.Float8, int64Bytes(int64(math.Float64bits(100000))), "100000"},
		{change.Float8, int64Bytes(int64(math.Float64bits(1000000))), "1e+06"},
		{change.Float8, int64Bytes(int64(math.Float64bits(123456789))), "1.23456789e+08"},
		{change.Float8, int64Bytes(int64(math.Float64bits(0.00001))), "1e-05"},
		{change.Float4, int32Bytes(int32(math.Float32bits(2.5))), "2.5"},
		{change.Float4, int32Bytes(int32(math.Float32bits(float32(math.Inf(-1))))), "-Infinity"},
		{change.Date, day(0), "2000-01-01T00:00:00Z"},
		{change.Date, day(-730119 - 366), "0001-01-01T00:00:00Z BC"},
		{change.Date, day(math.MaxInt32), "infinity"},
		{change.Time, clock, "03:04:05.00006Z"},
		{change.Time, int64Bytes(dayMicros), "24:00:00Z"},
		{change.TimeTZ, append(int64Bytes(0), int32Bytes(-5400)...), "00:00:00+01:30"},
		{change.TimeTZ, append(int64Bytes(0), int32Bytes(0)...), "00:00:00Z"},
		{change.Timestamp, int64Bytes(-1), "1999-12-31T23:59:59.999999Z"},
		{change.Timestamp, int64Bytes(500_000), "2000-01-01T00:00:00.5Z"},
		{change.TimestampTZ, int64Bytes(500_000), "2000-01-01T00:00:00.500000Z"},
		{change.TimestampTZ, int64Bytes(0), "2000-01-01T00:00:00.000000Z"},
		{change.TimestampTZ, int64Bytes(math.MaxInt64), "infinity"},
		{change.UUID, []byte("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"), "00112233-4455-6677-8899-aabbccddeeff"},
		{change.JSONB, []byte("\x01{}"), "{}"},
		{change.Bytea, []byte{0, 255}, `\x00ff`},
	}
	for _, tt := range tests {
		if got := string(appendText(nil, tt.typ, tt.v)); got != tt.want {
			t.Errorf("%s %x: %q, want %q", tt.typ, tt.v, got, tt.want)
		}
	}
}

func TestNumericBothWays(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"0", "0.00", "1", "-1", "10000", "9999", "0.0001", "0.00001", "123456789.987654321", "-0.5",
		"100000000000000000000000000000000000000", "0.10", "12345.6", "10000.0001",
	} {
		b, err := appendNumeric(nil, text)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(numericText(nil, b)); got != text {
			t.Errorf("%s came back as %s", text, got)
		}
	}
	if _, err := appendNumeric(nil, "1e5"); err == nil {
		t.Error("an exponent is taken")
	}
}

func TestEqualValues(t *testing.T) {
	t.Parallel()
	number := func(s string) []byte {
		b, err := appendNumeric(nil, s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	doc := func(s string) []byte { return append([]byte{1}, s...) }
	tests := []struct {
		typ  change.Type
		a, b []byte
		want bool
	}{
		{change.Numeric, number("1.0"), number("1.00"), true},
		{change.Numeric, number("1"), number("10000"), false},
		{change.Numeric, number("1"), number("-1"), false},
		{change.Float8, int64Bytes(0), int64Bytes(math.MinInt64), true},
		{change.Float8, int64Bytes(int64(math.Float64bits(math.NaN()))), int64Bytes(int64(math.Float64bits(math.NaN()) | 1)), true},
		{change.JSONB, doc(`{"a":1,"b":[1,2.0]}`), doc(`{"b": [1, 2], "a": 1e0}`), true},
		{change.JSONB, doc(`{"a":1,"a":2}`), doc(`{"a":2}`), true},
		{change.JSONB, doc(`[1,2]`), doc(`[2,1]`), false},
		{change.JSONB, doc(`9007199254740993`), doc(`9007199254740992`), false},
		{change.JSONB, doc(`1e1000000000`), doc(`1e1000000001`), false},
		{change.JSONB, doc(`null`), doc(`{}`), false},
		{change.Text, []byte("a"), []byte("A"), false},
	}
	for _, tt := range tests {
		if got := equalValues(tt.typ, tt.a, tt.b); got != tt.want {
			t.Errorf("%s %q and %q: %v", tt.typ, tt.a, tt.b, got)
		}
		same := string(appendKeyValue(nil, tt.typ, tt.a)) == string(appendKeyValue(nil, tt.typ, tt.b))
		if same != tt.want {
			t.Errorf("as keys, %s %q and %q: %v", tt.typ, tt.a, tt.b, same)
		}
	}
}
