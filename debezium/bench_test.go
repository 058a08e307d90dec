package debezium

import (
	"fmt"
	"strings"
	"testing"

	"metadb/change"
)

// narrowSchema is the schema block of a table with ten typed columns, about as
// long as Debezium 3.1 writes it.
func narrowSchema(table string) string {
	row := `[{"type":"int64","optional":false,"field":"id"},` +
		`{"type":"string","optional":false,"name":"io.debezium.data.Uuid","version":1,"field":"uid"},` +
		`{"type":"int32","optional":true,"field":"amount"},` +
		`{"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2","connect.decimal.precision":"12"},"field":"price"},` +
		`{"type":"string","optional":true,"field":"name"},` +
		`{"type":"boolean","optional":true,"field":"active"},` +
		`{"type":"int32","optional":true,"name":"io.debezium.time.Date","version":1,"field":"day"},` +
		`{"type":"int64","optional":true,"name":"io.debezium.time.MicroTimestamp","version":1,"field":"made"},` +
		`{"type":"string","optional":true,"name":"io.debezium.time.ZonedTimestamp","version":1,"field":"seen"},` +
		`{"type":"double","optional":true,"field":"weight"}]`
	image := func(field string) string {
		return `{"type":"struct","fields":` + row + `,"optional":true,"name":"` + table + `.Value","field":"` + field + `"}`
	}
	source := `{"type":"struct","fields":[{"type":"string","optional":false,"field":"version"},{"type":"string","optional":false,"field":"connector"},{"type":"string","optional":false,"field":"name"},{"type":"int64","optional":false,"field":"ts_ms"},{"type":"string","optional":true,"name":"io.debezium.data.Enum","version":1,"parameters":{"allowed":"true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"},"default":"false","field":"snapshot"},{"type":"string","optional":false,"field":"db"},{"type":"string","optional":true,"field":"sequence"},{"type":"string","optional":false,"field":"schema"},{"type":"string","optional":false,"field":"table"},{"type":"int64","optional":true,"field":"txId"},{"type":"int64","optional":true,"field":"lsn"},{"type":"int64","optional":true,"field":"xmin"}],"optional":false,"name":"io.debezium.connector.postgresql.Source","field":"source"}`
	return `{"type":"struct","fields":[` + image("before") + `,` + image("after") + `,` + source + `,{"type":"string","optional":false,"field":"op"},{"type":"int64","optional":true,"field":"ts_ms"}],"optional":false,"name":"` + table + `.Envelope","version":2}`
}

func narrowRecord(i int, doc string) (key, value []byte) {
	key = []byte(`{"schema":{"type":"struct","fields":[{"type":"int64","optional":false,"field":"id"}],"optional":false,"name":"p.s.t.Key"},"payload":{"id":` + fmt.Sprint(i) + `}}`)
	name := fmt.Sprintf("some name number %d", i)
	if doc != "" {
		name = doc
	}
	value = []byte(`{"schema":` + narrowSchema("p.s.t") + `,"payload":` + narrowPayload(i, name) + `}`)
	return key, value
}

func narrowPayload(i int, name string) string {
	return fmt.Sprintf(`{"before":null,"after":{"id":%d,"uid":"59be9ba0-3d7a-6683-ceea-29f87d02f1cd","amount":%d,"price":"AMg=","name":"%s","active":true,"day":20412,"made":1735863600000000,"seen":"2026-11-21T02:04:14.068829Z","weight":12.625},"source":{"version":"3.1.3.Final","connector":"postgresql","name":"p","ts_ms":1795226496668,"snapshot":"false","db":"shop","sequence":"[\"30184616\",\"30184672\"]","ts_us":1795226496668169,"ts_ns":1795226496668169000,"schema":"s","table":"t","txId":876,"lsn":30184672,"xmin":null},"transaction":null,"op":"u","ts_ms":1795226496875}`, i, i*7, name)
}

func benchmark(b *testing.B, records [][2][]byte) {
	d := NewDecoder(Options{})
	var arena change.Arena
	var ev change.Event
	size := 0
	for _, r := range records {
		size += len(r[0]) + len(r[1])
	}
	b.SetBytes(int64(size / len(records)))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if arena.Size() > 128<<10 {
			arena.Reset()
		}
		r := records[i]
		if i++; i == len(records) {
			i = 0
		}
		if res, err := d.Decode(r[0], r[1], &arena, &ev); err != nil || res != Change {
			b.Fatal(res, err)
		}
	}
}

// BenchmarkDecode decodes updates of a table with ten typed columns; narrow is
// 4 KB with its schema, wide has a 2 KB document, bare has no schema.
func BenchmarkDecode(b *testing.B) {
	b.Run("narrow", func(b *testing.B) { benchmark(b, narrowRecords(100, "")) })
	b.Run("wide", func(b *testing.B) {
		benchmark(b, narrowRecords(100, strings.Repeat(`{\"id\": \"0123\", \"title\": \"A plain run of words\"}, `, 40)))
	})
	b.Run("bare", func(b *testing.B) {
		var records [][2][]byte
		for i := range 100 {
			records = append(records, [2][]byte{fmt.Appendf(nil, `{"id":%d}`, i), []byte(narrowPayload(i, "name"))})
		}
		benchmark(b, records)
	})
	b.Run("two tables", func(b *testing.B) {
		records := narrowRecords(100, "")
		for i := range records {
			if i%2 == 1 {
				records[i][1] = []byte(strings.ReplaceAll(string(records[i][1]), "p.s.t.", "p.s.u."))
			}
		}
		benchmark(b, records)
	})
}

func narrowRecords(n int, doc string) [][2][]byte {
	var records [][2][]byte
	for i := range n {
		key, value := narrowRecord(i, doc)
		records = append(records, [2][]byte{key, value})
	}
	return records
}

// BenchmarkDecodeShop decodes the changes of a real recording, by topic.
func BenchmarkDecodeShop(b *testing.B) {
	type item struct {
		d          *Decoder
		key, value []byte
	}
	var items []item
	decoders := map[string]*Decoder{}
	size := 0
	for _, r := range capture(b, "shop") {
		if len(r.Value) > 100_000 {
			continue
		}
		if decoders[r.Topic] == nil {
			decoders[r.Topic] = NewDecoder(Options{})
		}
		items = append(items, item{decoders[r.Topic], r.Key, r.Value})
		size += len(r.Value)
	}
	var arena change.Arena
	var ev change.Event
	b.SetBytes(int64(size / len(items)))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if arena.Size() > 128<<10 {
			arena.Reset()
		}
		it := &items[i]
		if i++; i == len(items) {
			i = 0
		}
		_, _ = it.d.Decode(it.key, it.value, &arena, &ev)
	}
}

// TestNoAllocations: an event whose schema is known allocates nothing.
func TestNoAllocations(t *testing.T) {
	update, _ := narrowRecord(7, "")
	for _, c := range []struct {
		name    string
		records [][2][]byte
	}{
		{"narrow", narrowRecords(4, "")},
		{"escapes", narrowRecords(4, strings.Repeat(`{\"a\": \"b\\u00e9\", \"c\": \u00e9}`, 30))},
		{"schemaless", [][2][]byte{{[]byte(`{"id":7}`), []byte(narrowPayload(7, "x"))}}},
		{"keyless", [][2][]byte{{nil, narrowRecords(1, "")[0][1]}}},
		{"delete", [][2][]byte{{update, []byte(strings.Replace(string(narrowRecords(1, "")[0][1]), `"op":"u"`, `"op":"d"`, 1))}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := NewDecoder(Options{})
			var arena change.Arena
			var ev change.Event
			run := func() {
				for _, r := range c.records {
					if res, err := d.Decode(r[0], r[1], &arena, &ev); err != nil || res != Change {
						t.Fatal(res, err)
					}
				}
				arena.Reset()
			}
			run()
			if n := testing.AllocsPerRun(100, run); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}
