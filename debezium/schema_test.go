package debezium

import (
	"fmt"
	"strings"
	"testing"

	"metadb/change"
)

// TestSchemaless: without schema columns come from the members, types from their
// values; a null has the type that the column had last.
func TestSchemaless(t *testing.T) {
	bare := func(op, before, after string) string {
		return `{"before":` + before + `,"after":` + after + `,"source":` + goodSource + `,"op":"` + op + `"}`
	}
	d := NewDecoder(Options{})
	for _, c := range []struct{ key, value, want string }{
		{`{"id":1}`, bare("c", "null", `{"id":1,"a":null,"b":true,"c":1.50,"d":[1,{"x":1e2}]}`),
			`change key(id=bigint 1) row(id=bigint 1, b=boolean true, c=numeric 1.50, d=jsonb [1,{"x":1e2}])`},
		{`{"id":2}`, bare("u", "null", `{"id":2,"a":"t","b":null,"c":null,"d":null}`),
			`change key(id=bigint 2) row(id=bigint 2, a=text t, b=boolean NULL, c=numeric NULL, d=jsonb NULL)`},
		{`{"id":3}`, bare("u", "null", `{"b":false,"id":3,"a":"`+DefaultPlaceholder+`","c":1e2,"e":99999999999999999999}`),
			`change key(id=bigint 3) row(id=bigint 3, a=text UNAVAILABLE, b=boolean false, c=numeric 100, e=numeric 99999999999999999999)`},
		{`{"id":"k"}`, bare("d", `{"id":1}`, "null"), `change key(id=text k)`},
		{`{"id":4,"b":true}`, bare("c", "null", `{"id":4,"b":true}`), `change key(id=bigint 4, b=boolean true) row(id=bigint 4, b=boolean true)`},
		{`{"z":4}`, bare("c", "null", `{"id":4}`), `change row(id=bigint 4)`},
		{``, bare("u", `{"id":1,"c":1}`, `{"id":4,"c":1.5}`), `change row(id=bigint 4, c=numeric 1.5) before(id=bigint 1, c=numeric 1)`},
		{``, bare("u", `{"id":1,"a":"q"}`, `{"id":4,"a":null}`), `change row(id=bigint 4, a=text NULL) before(id=bigint 1, a=text q)`},
		{``, bare("u", `{"id":1,"a":"q"}`, `{"id":4,"a":1}`), `bad type`},
		{``, bare("d", `{"id":1,"a":"q"}`, `null`), `change before(id=bigint 1, a=text q)`},
		{key(`{"id":5}`), bare("c", "null", `{"id":5}`), `change key(id=bigint 5) row(id=bigint 5)`},
		{`{"id":6}`, event("c", "null", `{"id":6,"n":2,"s":"x"}`), `change key(id=integer 6) row(id=integer 6, n=integer 2, s=text x)`},
		{`{"id":7}`, `{"schema":null,"payload":` + bare("c", "null", `{"id":7}`) + `}`, `change key(id=bigint 7) row(id=bigint 7)`},
	} {
		if _, got := decoded(t, d, c.key, c.value); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.value, got, c.want)
		}
	}
}

// TestManySchemas: more schema blocks in a topic than are kept, in turn, and the
// shapes of equal columns stay one.
func TestManySchemas(t *testing.T) {
	d := NewDecoder(Options{})
	shapes := map[*change.Shape]bool{}
	keys := map[*change.Shape]bool{}
	for i := range 3 * maxEntries {
		name := fmt.Sprintf("k%d", i%(maxEntries+7))
		k := strings.Replace(key(`{"id":1}`), `"name":"k"`, `"name":"`+name+`"`, 1)
		v := strings.Replace(event("c", "null", `{"id":1,"n":2,"s":"x"}`), `"type":"struct"`, `"name":"`+name+`","type":"struct"`, 1)
		ev, text := decoded(t, d, k, v)
		if text != "change key(id=integer 1) row(id=integer 1, n=integer 2, s=text x)" {
			t.Fatal(i, text)
		}
		shapes[ev.Shape], keys[ev.KeyShape] = true, true
	}
	if len(shapes) != 1 || len(keys) != 1 {
		t.Errorf("%d shapes, %d of keys", len(shapes), len(keys))
	}
	if n := len(d.envelope.cache.entries); n != maxEntries {
		t.Errorf("%d entries", n)
	}
}
