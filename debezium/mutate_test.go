package debezium

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"metadb/change"
)

// hostile is what the mutation test puts into records.
var hostile = []string{
	`"`, `\`, `\"`, `\u`, `\u0000`, `\ud800`, `\udc00\ud800`, `\ud83d\ude00`, "\x00", "\x1f", "\xff", "\xc3", "é", "\u2028",
	`{`, `}`, `[`, `]`, `,`, `:`, ` `, "\n", "\t", `null`, `true`, `false`, `0`, `-`, `-0`, `01`, `1.0`, `1.5`, `1e3`, `1E400`, `1e-400`,
	`1e131073`, `NaN`, `99999999999999999999`, `-9223372036854775808`, `9223372036825200000`, `-2147472692`, `""`, `"NaN"`, `"AMg="`, `"AMh="`,
	`"infinity"`, `"__debezium_unavailable_value"`, `"a":1,`, `"op":"d",`, `"op":"\r",`, `"after":null,`, `"after":{},`, `"before":{"id":1},`,
	`"source":{},`, `"source":null,`, `"ts_ms":"1",`, `"id":2,`, `"id":null,`, `{"id":{"id":1}}`, `[[[[]]]]`, `\\u0000`, `\\ud800`, `\/`, `\q`,
}

// mutate changes a record at a few places at or behind from.
func mutate(r *rand.Rand, b []byte, from int) []byte {
	out := bytes.Clone(b)
	for range 1 + r.IntN(3) {
		if len(out) <= from+2 {
			return out
		}
		i := from + r.IntN(len(out)-from)
		n := min(1+r.IntN(12), len(out)-i)
		switch r.IntN(6) {
		case 0:
			out[i] = byte(r.IntN(256))
		case 1:
			out = append(out[:i:i], out[i+n:]...)
		case 2:
			out = append(out[:i+n:i+n], out[i:]...)
		case 3, 4:
			h := hostile[r.IntN(len(hostile))]
			out = append(append(out[:i:i], h...), out[i:]...)
		case 5:
			h := hostile[r.IntN(len(hostile))]
			out = append(append(out[:i:i], h...), out[i+n:]...)
		}
	}
	return out
}

// TestMutants changes real records and compares with the twin: what the two read
// must be the same, and neither may panic.
func TestMutants(t *testing.T) {
	t.Parallel()
	limit := 5 * time.Second
	if testing.Short() {
		limit = time.Second
	}
	var seeds [][2][]byte
	for _, name := range []string{"variants/vnumeric", "variants/vnoschema", "shop"} {
		for i, r := range capture(t, name) {
			if len(r.Value) > 0 && len(r.Value) < 20_000 && i%5 == 0 {
				seeds = append(seeds, [2][]byte{r.Key, r.Value})
			}
		}
	}
	for _, c := range valueCases {
		if c.twinKnows() {
			seeds = append(seeds, [2][]byte{nil, fieldRecord(c.schema, c.json)})
		}
	}
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	var arena change.Arena
	n, read := 0, 0
	for end := time.Now().Add(limit); time.Now().Before(end); n++ {
		s := seeds[r.IntN(len(seeds))]
		key, value := s[0], s[1]
		inPayload := true
		switch from := bytes.Index(value, []byte(`"payload":`)); r.IntN(10) {
		case 0:
			key = mutate(r, key, max(0, bytes.Index(key, []byte(`"payload":`))))
		case 1: // also the schema, where the two may judge differently
			value = mutate(r, value, 0)
			inPayload = false
		default:
			value = mutate(r, value, max(0, from+10))
		}
		d := NewDecoder(Options{})
		var ev, again change.Event
		res, err := d.Decode(key, value, &arena, &ev)
		res2, err2 := d.Decode(key, value, &arena, &again) // by the remembered schema
		if res != res2 || (err == nil) != (err2 == nil) || !bytes.Equal(ev.Row, again.Row) || !bytes.Equal(ev.Key, again.Key) || ev.Shape != again.Shape {
			t.Fatalf("seed %d: decoded twice, differs\nkey %q\nvalue %q", seed, key, value)
		}
		if inPayload {
			wantRes, want, wantErr := twin{}.decode(key, value)
			if diff := differ(res, err, &ev, wantRes, want, wantErr); diff != "" {
				t.Fatalf("seed %d: differs in %s (%v, %v)\nkey %q\nvalue %q", seed, diff, err, wantErr, key, value[max(0, bytes.Index(value, []byte(`"payload":`))):])
			}
		}
		if err == nil {
			read++
		}
		arena.Reset()
	}
	t.Logf("%d mutants, %d still read", n, read)
}

// FuzzDecode looks for panics and for tuples that do not fit their shape.
func FuzzDecode(f *testing.F) {
	for i, c := range valueCases {
		if i%4 == 0 {
			f.Add([]byte(`{"v":1}`), fieldRecord(c.schema, c.json))
		}
	}
	for i, r := range capture(f, "variants/vnoschema") {
		if i%100 == 0 {
			f.Add(r.Key, r.Value)
		}
	}
	for i, r := range capture(f, "shop") {
		if i%500 == 0 && len(r.Value) < 20_000 {
			f.Add(r.Key, r.Value)
		}
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		var arena change.Arena
		var ev change.Event
		d := NewDecoder(Options{})
		for range 2 {
			if _, err := d.Decode(key, value, &arena, &ev); err != nil {
				if asBad(err) == nil {
					t.Fatal(err)
				}
			}
			for _, image := range []struct {
				shape *change.Shape
				tuple change.Tuple
			}{{ev.Shape, ev.Row}, {ev.Shape, ev.Before}, {ev.KeyShape, ev.Key}} {
				if image.tuple == nil {
					continue
				}
				for range image.shape.Columns {
					_, _, image.tuple = image.tuple.Next()
				}
				if len(image.tuple) != 0 {
					t.Fatal("bytes left over")
				}
			}
		}
	})
}
