package debezium

import (
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"

	"metadb/change"
)

// table is the schema of the tests' rows: a key, a number and a text.
const (
	tableFields = `[{"type":"int32","field":"id"},{"type":"int32","field":"n"},{"type":"string","field":"s"}]`
	tableSchema = `{"type":"struct","fields":[{"field":"before","type":"struct","fields":` + tableFields + `},{"field":"after","type":"struct","fields":` + tableFields + `},{"type":"string","field":"op"}]}`
	keySchema   = `{"type":"struct","fields":[{"type":"int32","field":"id"}],"name":"k"}`
	goodSource  = `{"schema":"s","table":"t","ts_ms":1700000000123,"snapshot":"false","sequence":"[\"5\",\"9\"]","txId":7,"lsn":9}`
)

func event(op, before, after string) string {
	return `{"schema":` + tableSchema + `,"payload":{"before":` + before + `,"after":` + after + `,"source":` + goodSource + `,"op":"` + op + `","ts_ms":1700000000900}}`
}

func key(payload string) string { return `{"schema":` + keySchema + `,"payload":` + payload + `}` }

// decoded is the outcome of one record in words.
func decoded(t *testing.T, d *Decoder, k, v string) (change.Event, string) {
	t.Helper()
	var kb, vb []byte
	if k != "" {
		kb = []byte(k)
	}
	if v != "" {
		vb = []byte(v)
	}
	var arena change.Arena
	var ev change.Event
	res, err := d.Decode(kb, vb, &arena, &ev)
	text := [...]string{"change", "tombstone", "not a change", "ignored"}[res]
	if err != nil {
		bad := asBad(err)
		text = "bad " + string(bad.Rule)
		if bad.Column != "" {
			text += " " + bad.Column
		}
	}
	text += image(" key", ev.KeyShape, ev.Key) + image(" row", ev.Shape, ev.Row) + image(" before", ev.Shape, ev.Before)
	return ev, text
}

func image(name string, shape *change.Shape, t change.Tuple) string {
	if t == nil {
		return ""
	}
	values := show(shape, t)
	var list []string
	for _, c := range shape.Columns {
		list = append(list, c.Name+"="+values[c.Name])
	}
	return name + "(" + strings.Join(list, ", ") + ")"
}

// TestEvents is the decision table of records, each to a fresh decoder and once
// more to the same one, which then knows the schemas.
func TestEvents(t *testing.T) {
	const row = `{"id":1,"n":2,"s":"x"}`
	const rowText = " row(id=integer 1, n=integer 2, s=text x)"
	const keyText = " key(id=integer 1)"
	long := strings.Repeat("[", 996) + strings.Repeat("]", 996)
	for _, c := range []struct{ name, key, value, want string }{
		{"create", key(`{"id":1}`), event("c", "null", row), "change" + keyText + rowText},
		{"read", key(`{"id":1}`), event("r", "null", row), "change" + keyText + rowText},
		{"update never shows before", key(`{"id":1}`), event("u", `{"id":1,"n":0,"s":""}`, row), "change" + keyText + rowText},
		{"delete has its key only", key(`{"id":1}`), event("d", `{"id":1,"n":0,"s":""}`, "null"), "change" + keyText},
		{"truncate", "", event("t", "null", "null"), "change"},
		{"member left out is null", key(`{"id":1}`), event("c", "null", `{"id":1}`), "change" + keyText + " row(id=integer 1, n=integer NULL, s=text NULL)"},
		{"unknown member", key(`{"id":1}`), event("c", "null", `{"zz":[{}],"id":1,"n":2,"s":"x"}`), "change" + keyText + rowText},
		{"other order", key(`{"id":1}`), event("c", "null", ` { "s" : "x" , "id" : 1 , "n" : 2 } `), "change" + keyText + rowText},
		{"escaped name", key(`{"id":1}`), event("c", "null", `{"\u0069d":1,"n":2,"s":"x"}`), "change" + keyText + rowText},
		{"duplicate member", key(`{"id":1}`), event("c", "null", `{"id":5,"n":2,"s":"x","id":1}`), "change" + keyText + rowText},
		{"duplicate after", key(`{"id":1}`), event("c", "null", `{"id":5,"n":9},"after":`+row), "change" + keyText + rowText},
		{"second after is null", key(`{"id":1}`), event("c", "null", row+`,"after":null`), "bad row" + keyText},
		{"second source is empty", key(`{"id":1}`), strings.Replace(event("c", "null", row), `,"op"`, `,"source":{},"op"`, 1), "bad source source.ts_ms" + keyText},

		{"keyless create", "", event("c", "null", row), "change" + rowText},
		{"keyless update", "", event("u", `{"id":1,"n":1,"s":"w"}`, row), "change" + rowText + " before(id=integer 1, n=integer 1, s=text w)"},
		{"keyless update without before", "", event("u", `null`, row), "change" + rowText},
		{"keyless delete", "", event("d", row, "null"), "change before(id=integer 1, n=integer 2, s=text x)"},
		{"keyless delete without before", "", event("d", "null", "null"), "change"},
		{"key column is no column", `{"schema":{"type":"struct","fields":[{"type":"int32","field":"other"}]},"payload":{"other":1}}`, event("c", "null", row), "change" + rowText},
		{"key without columns", `{"schema":{"type":"struct","fields":[]},"payload":{}}`, event("d", row, "null"), "change before(id=integer 1, n=integer 2, s=text x)"},
		{"null key payload", `{"schema":null,"payload":null}`, event("c", "null", row), "change" + rowText},
		{"key is no object", `{"schema":{"type":"int32"},"payload":1}`, event("c", "null", row), "change" + rowText},
		{"key order is the key schema's", `{"schema":{"type":"struct","fields":[{"type":"string","field":"s"},{"type":"int32","field":"id"}]},"payload":{"s":"x","id":1}}`, event("c", "null", row), "change key(s=text x, id=integer 1)" + rowText},
		{"broken key", `{"schema":`, event("c", "null", row), "bad key"},
		{"key lacks a value", key(`{}`), event("d", "null", "null"), "bad key id"},

		{"payload first", key(`{"id":1}`), `{"payload":{"after":` + row + `,"source":` + goodSource + `,"op":"c"},"schema":` + tableSchema + `}`, "change" + keyText + rowText},
		{"blanks and more members", key(`{"id":1}`), ` { "more":[1], "schema" : ` + tableSchema + `, "payload" : {"after":` + row + `,"source":` + goodSource + `,"op":"c"}, "x":{} } `, "change" + keyText + rowText},
		{"tombstone", key(`{"id":1}`), "", "tombstone"},
		{"null", key(`{"id":1}`), " null ", "tombstone"},
		{"heartbeat", "", `{"schema":{"type":"struct","fields":[{"type":"int64","field":"ts_ms"}]},"payload":{"ts_ms":1}}`, "not a change"},
		{"bare heartbeat", "", `{"ts_ms":1}`, "not a change"},
		{"transaction", "", `{"schema":null,"payload":{"status":"BEGIN","id":"1","event_count":null}}`, "not a change"},
		{"null payload", "", `{"schema":null,"payload":null}`, "not a change"},
		{"array", "", `[1]`, "not a change"},
		{"message", "", event("m", "null", "null"), "ignored"},
		{"unknown op", "", event("x", "null", "null"), "ignored"},
		{"long op", "", event("cc", "null", "null"), "not a change"},

		{"no after", key(`{"id":1}`), event("c", "null", "null"), "bad row" + keyText},
		{"broken", key(`{"id":1}`), event("c", "null", row) + "x", "bad json" + keyText},
		{"cut", key(`{"id":1}`), strings.TrimSuffix(event("c", "null", row), "}}"), "bad json" + keyText},
		{"trailing comma", key(`{"id":1}`), event("c", "null", `{"id":1,}`), "bad json" + keyText},
		{"broken before", key(`{"id":1}`), event("u", `{"id":01}`, row), "bad json" + keyText},
		{"deep", key(`{"id":1}`), event("c", long, row), "change" + keyText + rowText},
		{"too deep", key(`{"id":1}`), event("c", "[[["+long+"]]]", row), "bad json" + keyText},
		{"bad value still has its key", key(`{"id":1}`), event("c", "null", `{"id":1,"n":3000000000,"s":"x"}`), "bad range n" + keyText},
		{"bad key value in row", key(`{"id":1}`), event("c", "null", `{"id":"1","n":3,"s":"x"}`), "bad type id" + keyText},
		{"row without columns", key(`{"id":1}`), `{"schema":{"type":"struct","fields":[]},"payload":{"after":` + row + `,"source":` + goodSource + `,"op":"c"}}`, "bad schema" + keyText},
		{"column without name", key(`{"id":1}`), strings.ReplaceAll(event("c", "null", row), `"field":"n"`, `"field":""`), "bad schema" + keyText},
		{"column named twice", key(`{"id":1}`), strings.ReplaceAll(event("c", "null", row), `"field":"n"`, `"field":"id"`), "bad schema" + keyText},
		{"names in other case", key(`{"id":1}`), strings.ReplaceAll(event("c", "null", row), `"field":"n"`, `"field":"n","Field":"q","TYPE":"string"`), "change" + keyText + rowText},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := NewDecoder(Options{})
			for range 2 {
				if _, got := decoded(t, d, c.key, c.value); got != c.want {
					t.Fatalf("\n got %s\nwant %s", got, c.want)
				}
			}
		})
	}
}

// TestBadEventSaysWhose: a dead letter has its table, time and key.
func TestBadEventSaysWhose(t *testing.T) {
	for name, value := range map[string]string{
		"bad value":  event("u", "null", `{"id":1,"n":"secret","s":"x"}`),
		"bad before": event("u", `{"id":`, "null"),
		"cut":        strings.TrimSuffix(event("u", "null", `{"id":1,"n":1,"s":"secret"}`), "}"),
	} {
		d := NewDecoder(Options{})
		ev, text := decoded(t, d, key(`{"id":1}`), value)
		if !strings.HasPrefix(text, "bad ") || ev.Key == nil {
			t.Errorf("%s: %s", name, text)
		}
		if name != "bad before" && (ev.Schema != "s" || ev.Table != "t" || ev.TsMs != 1700000000123) {
			t.Errorf("%s: %+v", name, ev)
		}
		var arena change.Arena
		_, err := d.Decode([]byte(key(`{"id":1}`)), []byte(value), &arena, &ev)
		if strings.Contains(fmt.Sprintf("%+v %s", err, err), "secret") {
			t.Errorf("%s: the error holds a value: %v", name, err)
		}
	}
}

// TestKeysAreNotRepaired: outside of keys broken text is repaired, in keys the
// event is refused.
func TestKeysAreNotRepaired(t *testing.T) {
	textKey := func(v string) string {
		return `{"schema":{"type":"struct","fields":[{"type":"string","field":"s"}]},"payload":{"s":"` + v + `"}}`
	}
	for _, broken := range []string{`a\u0000b`, `a\ud800b`, "a\xffb"} {
		row := `{"id":1,"n":2,"s":"` + broken + `"}`
		ev, text := decoded(t, NewDecoder(Options{}), key(`{"id":1}`), event("c", "null", row))
		if ev.Repaired != 1 || !strings.HasSuffix(text, "s=text a\ufffdb)") {
			t.Errorf("%q: %s, %d repaired", broken, text, ev.Repaired)
		}
		for _, op := range []string{"c", "d"} {
			if _, text := decoded(t, NewDecoder(Options{}), textKey(broken), event(op, "null", row)); text != "bad keytext s" {
				t.Errorf("%q: %s", broken, text)
			}
		}
	}
	_, text := decoded(t, NewDecoder(Options{}), textKey("x"), event("c", "null", `{"s":"`+DefaultPlaceholder+`"}`))
	if text != "bad key s key(s=text x)" {
		t.Error(text)
	}
}

// TestPlaceholderOption: other names than the default are in use, also as bytes.
func TestPlaceholderOption(t *testing.T) {
	for option, text := range map[string]string{"__cflt_unavailable_value": "__cflt_unavailable_value", "hex:2a22": `*\"`} {
		d := NewDecoder(Options{Placeholder: option})
		_, got := decoded(t, d, "", event("c", "null", `{"id":1,"n":null,"s":"`+text+`"}`))
		if !strings.HasSuffix(got, "s=text UNAVAILABLE)") {
			t.Errorf("%s: %s", option, got)
		}
		_, got = decoded(t, d, "", event("c", "null", `{"id":1,"n":null,"s":"`+DefaultPlaceholder+`"}`))
		if !strings.HasSuffix(got, "s=text "+DefaultPlaceholder+")") {
			t.Errorf("%s: %s", option, got)
		}
	}
}

// TestMemberOrderIsLearnedAnew: a new order of members is taken over.
func TestMemberOrderIsLearnedAnew(t *testing.T) {
	o := newObject("a", "b")
	for _, doc := range []string{`{"a":1,"b":2}`, `{"b":2,"a":1}`} {
		for range maxMissed + 1 {
			o.reset()
			if o.scan([]byte(doc), 0, 1) != len(doc) || string(o.out[0].of([]byte(doc))) != "1" || string(o.out[1].of([]byte(doc))) != "2" {
				t.Fatal(doc)
			}
		}
	}
	if string(o.lits[0]) != `"b":` {
		t.Errorf("still expects %s first", o.lits[0])
	}
}

// TestWarnings: what arrives in a poorer form is said once.
func TestWarnings(t *testing.T) {
	var out strings.Builder
	d := NewDecoder(Options{Log: slog.New(slog.NewTextHandler(&out, nil))})
	for range 3 {
		decoded(t, d, "", string(fieldRecord(`"type":"odd"`, `"secret"`)))
		decoded(t, d, "", `{"after":{"d":"secret"},"source":`+goodSource+`,"op":"c"}`)
	}
	if text := out.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "columns=[v]") ||
		!strings.Contains(text, "schemas.enable") || strings.Contains(text, "secret") {
		t.Error(text)
	}
}

// TestEveryRuleHasAReason keeps the two lists together.
func TestEveryRuleHasAReason(t *testing.T) {
	for rule := range maps.Keys(reasons) {
		if e := badEvent(rule, "c"); e.Reason == "" || !strings.Contains(e.Error(), "column c") {
			t.Error(rule)
		}
	}
}
