package streamer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// poison is a record that no producer should send, and what becomes of it.
type poison struct {
	name   string
	key    string
	value  string
	letter bool // it ends among the dead letters; else it is a row or passed over
}

// envelope writes an event of table lib.poison: fields is the schema of the row,
// after its values, source what stands in the source block.
func envelope(fields, after, source, op string) string {
	return fmt.Sprintf(`{"schema":{"type":"struct","fields":[{"type":"struct","fields":[%s],"optional":true,"field":"after"}],"name":"e"},`+
		`"payload":{"before":null,"after":%s,"source":%s,"op":%s,"ts_ms":1}}`, fields, after, source, op)
}

const (
	idField      = `{"type":"int32","field":"id"}`
	textField    = `{"type":"string","field":"v"}`
	goodSource   = `{"ts_ms":1700000000000,"schema":"lib","table":"poison"}`
	keySchema    = `{"schema":{"type":"struct","fields":[{"type":"int32","field":"id"}],"name":"k"},"payload":{"id":%s}}`
	textKey      = `{"schema":{"type":"struct","fields":[{"type":"string","field":"id"}],"name":"k"},"payload":{"id":%s}}`
	create       = `"c"`
	decimalField = `{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"},"field":"n"}`
)

func poisons() []poison {
	key := func(id string) string { return fmt.Sprintf(keySchema, id) }
	row := func(v string) string { return fmt.Sprintf(`{"id":1,"v":%s}`, v) }
	two := idField + "," + textField
	with := func(field, value string) string {
		return envelope(idField+","+field, fmt.Sprintf(`{"id":1,%s}`, value), goodSource, create)
	}
	wide := func(table string, columns int) string { // of a table of that many columns
		fields, values := idField, `{"id":1`
		for i := range columns - 1 {
			fields += fmt.Sprintf(`,{"type":"int32","field":"c%d"}`, i)
			values += fmt.Sprintf(`,"c%d":%d`, i, i)
		}
		return envelope(fields, values+"}", fmt.Sprintf(`{"ts_ms":1700000000000,"schema":"lib","table":%q}`, table), create)
	}
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	return []poison{
		{"no JSON", key("1"), `{"schema":{`, true},
		{"bytes behind the end", key("1"), envelope(two, row(`"x"`), goodSource, create) + "}", true},
		{"text for an integer", key(`"x"`), envelope(two, `{"id":"x","v":"x"}`, goodSource, create), true},
		{"an integer out of range", key("1"), envelope(two, `{"id":99999999999,"v":"x"}`, goodSource, create), true},
		{"a fraction for an integer", key("1"), envelope(two, `{"id":1.5,"v":"x"}`, goodSource, create), true},
		{"no row", key("1"), envelope(two, "null", goodSource, create), true},
		{"no source", key("1"), envelope(two, row(`"x"`), "null", create), true},
		{"no time", key("1"), envelope(two, row(`"x"`), `{"schema":"lib","table":"poison"}`, create), true},
		{"a time before history", key("1"), envelope(two, row(`"x"`), `{"ts_ms":-1,"schema":"lib","table":"poison"}`, create), true},
		{"a time after history", key("1"), envelope(two, row(`"x"`), `{"ts_ms":999999999999999,"schema":"lib","table":"poison"}`, create), true},
		{"no table", key("1"), envelope(two, row(`"x"`), `{"ts_ms":1700000000000,"schema":"lib","table":""}`, create), true},
		{"schema of PostgreSQL", key("1"), envelope(two, row(`"x"`), `{"ts_ms":1700000000000,"schema":"pg_catalog","table":"pg_class"}`, create), true},
		{"schema of ours", key("1"), envelope(two, row(`"x"`), `{"ts_ms":1700000000000,"schema":"metadb","table":"source"}`, create), true},
		{"SQL in the table name", key("1"), envelope(two, row(`"x"`), `{"ts_ms":1700000000000,"schema":"lib","table":"x\"; drop table lib.item; --"}`, create), false},
		{"SQL in a column name", key("1"), with(`{"type":"int32","field":"c\"; drop table lib.item; --"}`, `"c\"; drop table lib.item; --":1`), false},
		{"a column called like ours", key("1"), with(`{"type":"int32","field":"__start"}`, `"__start":1`), false},
		{"NUL in a value", key("1"), envelope(two, row(`"a\u0000b"`), goodSource, create), false},
		{"NUL in a key", fmt.Sprintf(textKey, `"a\u0000"`), envelope(`{"type":"string","field":"id"}`, `{"id":"a\u0000"}`, goodSource, create), true},
		{"a lone surrogate in a value", key("1"), envelope(two, row(`"a\ud800b"`), goodSource, create), false},
		{"a lone surrogate in a key", fmt.Sprintf(textKey, `"a\ud800"`), envelope(`{"type":"string","field":"id"}`, `{"id":"a\ud800"}`, goodSource, create), true},
		{"bytes that are no UTF-8", key("1"), envelope(two, row("\"a\xff\xfeb\""), goodSource, create), false},
		{"a megabyte", key("1"), envelope(two, row(`"`+strings.Repeat("x", 1<<20)+`"`), goodSource, create), false},
		{"a document of depth 10,000", key("1"), with(`{"type":"string","name":"io.debezium.data.Json","field":"j"}`, `"j":"`+deep+`"`), false},
		{"a document that is none", key("1"), with(`{"type":"string","name":"io.debezium.data.Json","field":"j"}`, `"j":"{x"`), true},
		{"an envelope of depth 10,000", key("1"), envelope(two, `{"id":1,"v":`+deep+`}`, goodSource, create), true},
		{"a decimal that is no base64", key("1"), with(decimalField, `"n":"%%%"`), true},
		{"an empty decimal", key("1"), with(decimalField, `"n":""`), true},
		{"a uuid that is none", key("1"), with(`{"type":"string","name":"io.debezium.data.Uuid","field":"u"}`, `"u":"zzz"`), true},
		{"a date that is none", key("1"), with(`{"type":"int32","name":"io.debezium.time.Date","field":"d"}`, `"d":2147483647`), true},
		{"a timestamp that is none", key("1"), with(`{"type":"string","name":"io.debezium.time.ZonedTimestamp","field":"t"}`, `"t":"2020-13-45T00:00:00Z"`), true},
		{"1,600 columns, more than fit beside ours", key("1"), wide("wider", 1600), true},
		{"1,595 columns", key("1"), wide("wide", 1595), false},
		{"a key that its row lacks", key("1"), envelope(two, `{"v":"x"}`, goodSource, create), true},
		{"a field twice", key("1"), envelope(two, `{"id":1,"id":2,"v":"x"}`, goodSource, create), false},
		{"a row of text", key("1"), envelope(two, `"x"`, goodSource, create), true},
		{"a list for a row", key("1"), envelope(two, `[1,"x"]`, goodSource, create), true},
		{"a schema of numbers", key("1"), `{"schema":7,"payload":{"op":"c"}}`, true},
		{"no schema name", key("1"), envelope(two, row(`"x"`), `{"ts_ms":1700000000000,"table":"poison"}`, create), true},
		{"a time as text", key("1"), envelope(two, row(`"x"`), `{"ts_ms":"now","schema":"lib","table":"poison"}`, create), true},
		{"an exponent without end", key("1"), envelope(`{"type":"int32","field":"id"},{"type":"double","field":"f"}`, `{"id":1,"f":1e999999}`, goodSource, create), true},
		{"a name of a megabyte", key("1"), with(`{"type":"int32","field":"`+strings.Repeat("n", 1<<20)+`"}`, `"`+strings.Repeat("n", 1<<20)+`":1`), false},
		{"an operation that is none", key("1"), envelope(two, row(`"x"`), goodSource, `"z"`), false},
		{"a message", key("1"), envelope(two, row(`"x"`), goodSource, `"m"`), false},
		{"a list for an event", "", `[1,2,3]`, false},
		{"a number for an event", "", `42`, false},
		{"an empty object", "", `{}`, false},
		{"a delete without key or row", "", envelope(two, "null", goodSource, `"d"`), true},
		{"a key that is no JSON", `{"x`, envelope(two, row(`"x"`), goodSource, create), true},
	}
}

// TestBulkPoison mixes every poison into a stream of good events, one to a thousand:
// the good ones all arrive, and each poison ends where it must.
func TestBulkPoison(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var records []*kgo.Record
	good := 0
	letters := make(map[string]bool)
	offset := 0
	for _, p := range poisons() {
		for range 1000 {
			good++
			records = append(records, event("item", "c", good, `{"n": 1}`, 1_700_000_000_000+int64(good)))
		}
		rec := &kgo.Record{Topic: "m.lib.poison", Value: []byte(p.value)}
		if p.key != "" {
			rec.Key = []byte(p.key)
		}
		records = append(records, rec)
		letters[fmt.Sprint(offset)] = p.letter
		offset++
	}
	b.produce(records...)
	b.source(`^m\.`)
	b.start()
	b.drained()
	if got := b.text("SELECT count(*)::text FROM lib.item WHERE doc = '{\"n\": 1}'"); got != fmt.Sprint(good) {
		t.Errorf("%s good rows, want %d", got, good)
	}
	for i, p := range poisons() {
		got := b.text(`SELECT count(*)::text FROM metadb.dead_letter WHERE topic = 'm.lib.poison' AND "offset" = $1`, i)
		want := "0"
		if p.letter {
			want = "1"
		}
		if got != want {
			t.Errorf("%s: %s dead letters, want %s; %s", p.name, got, want,
				b.text(`SELECT coalesce(min(reason), '') FROM metadb.dead_letter WHERE topic = 'm.lib.poison' AND "offset" = $1`, i))
		}
	}
	if got := b.text("SELECT string_agg(table_name, ' ' ORDER BY table_name) FROM metadb.base_table"); !strings.Contains(got, `drop table`) {
		t.Errorf("tables: %s", got)
	}
	repaired := b.text(`SELECT string_agg(v, ' ' ORDER BY __id) FROM lib.poison__ WHERE v LIKE 'a%b'`)
	if repaired != "a\ufffdb" && repaired != "a\ufffdb a\ufffd\ufffdb" {
		t.Errorf("repaired values %q", repaired)
	}
}
