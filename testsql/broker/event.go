package broker

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
)

// event is one generated change of a narrow row, in the shape that Debezium
// 3.1 gives it through the JSON converter with schemas.
type event struct {
	id, version int
	op          byte
	mark        string // source.snapshot
	tsMs        int64  // of the commit
	sentMs      int64  // of the connector
	lsn         int64
	commitLSN   int64 // 0: none yet
	txID        int64
}

// field is a column in a schema block.
type field struct{ name, schema string }

// columns are those of the generated table.
func columns() []field {
	return []field{
		{"id", `"type":"int32","optional":false`},
		{"title", `"type":"string","optional":true`},
		{"code", `"type":"string","optional":true`},
		{"created", `"type":"int64","optional":true,"name":"io.debezium.time.MicroTimestamp","version":1`},
		{"price", `"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,` +
			`"parameters":{"scale":"2","connect.decimal.precision":"12"}`},
		{"active", `"type":"boolean","optional":true`},
		{"token", `"type":"string","optional":true,"name":"io.debezium.data.Uuid","version":1`},
		{"day", `"type":"int32","optional":true,"name":"io.debezium.time.Date","version":1`},
		{"quantity", `"type":"int64","optional":true`},
		{"note", `"type":"string","optional":true`},
	}
}

// sourceFields is the source block of the PostgreSQL connector.
const sourceFields = `{"type":"string","optional":false,"field":"version"},` +
	`{"type":"string","optional":false,"field":"connector"},{"type":"string","optional":false,"field":"name"},` +
	`{"type":"int64","optional":false,"field":"ts_ms"},{"type":"string","optional":true,` +
	`"name":"io.debezium.data.Enum","version":1,"parameters":{"allowed":"true,first,first_in_data_collection,` +
	`last_in_data_collection,last,false,incremental"},"default":"false","field":"snapshot"},` +
	`{"type":"string","optional":false,"field":"db"},{"type":"string","optional":true,"field":"sequence"},` +
	`{"type":"int64","optional":true,"field":"ts_us"},{"type":"int64","optional":true,"field":"ts_ns"},` +
	`{"type":"string","optional":false,"field":"schema"},{"type":"string","optional":false,"field":"table"},` +
	`{"type":"int64","optional":true,"field":"txId"},{"type":"int64","optional":true,"field":"lsn"},` +
	`{"type":"int64","optional":true,"field":"xmin"}`

// envelopeFields follow the source block.
const envelopeFields = `{"type":"struct","fields":[{"type":"string","optional":false,"field":"id"},` +
	`{"type":"int64","optional":false,"field":"total_order"},{"type":"int64","optional":false,` +
	`"field":"data_collection_order"}],"optional":true,"name":"event.block","version":1,"field":"transaction"},` +
	`{"type":"string","optional":false,"field":"op"},{"type":"int64","optional":true,"field":"ts_ms"},` +
	`{"type":"int64","optional":true,"field":"ts_us"},{"type":"int64","optional":true,"field":"ts_ns"}`

// valuePrefix is what comes before the payload; it never changes.
var valuePrefix = func() string {
	var row strings.Builder
	for i, column := range columns() {
		if i > 0 {
			row.WriteByte(',')
		}
		fmt.Fprintf(&row, `{%s,"field":"%s"}`, column.schema, column.name)
	}
	image := func(name string) string {
		return `{"type":"struct","fields":[` + row.String() + `],"optional":true,"name":"` + Topic + `.Value","field":"` + name + `"},`
	}
	return `{"schema":{"type":"struct","fields":[` + image("before") + image("after") +
		`{"type":"struct","fields":[` + sourceFields + `],"optional":false,` +
		`"name":"io.debezium.connector.postgresql.Source","version":1,"field":"source"},` + envelopeFields +
		`],"optional":false,"name":"` + Topic + `.Envelope","version":2},"payload":`
}()

// keyPrefix is what comes before the key's payload.
const keyPrefix = `{"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],` +
	`"optional":false,"name":"` + Topic + `.Key"},"payload":`

// key is the record's key.
func (e *event) key() []byte {
	return fmt.Appendf(nil, `%s{"id":%d}}`, keyPrefix, e.id)
}

// value is the record's value.
func (e *event) value() []byte {
	b := make([]byte, 0, len(valuePrefix)+1024)
	b = append(b, valuePrefix...)
	b = append(b, `{"before":null,"after":`...)
	b = e.appendRow(b)
	b = fmt.Appendf(b, `,"source":{"version":"3.1.3.Final","connector":"postgresql","name":"bench","ts_ms":%d,`+
		`"snapshot":"%s","db":"bench","sequence":%s,"ts_us":%d000,"ts_ns":%d000000,"schema":"bench","table":"item",`+
		`"txId":%d,"lsn":%d,"xmin":null},"transaction":null,"op":"%c","ts_ms":%d,"ts_us":%d000,"ts_ns":%d000000}}`,
		e.tsMs, e.mark, e.sequence(), e.tsMs, e.tsMs, e.txID, e.lsn, e.op, e.sentMs, e.sentMs, e.sentMs)
	return b
}

// sequence is source.sequence as a JSON string that holds a JSON array.
func (e *event) sequence() []byte {
	commit := "null"
	if e.commitLSN != 0 {
		commit = fmt.Sprintf(`"%d"`, e.commitLSN)
	}
	text, err := json.Marshal(fmt.Sprintf(`[%s,"%d"]`, commit, e.lsn))
	if err != nil { // a string always has a JSON form
		panic(err)
	}
	return text
}

// appendRow appends the row after the change.
func (e *event) appendRow(b []byte) []byte {
	return fmt.Appendf(b, `{"id":%d,"title":"Title of item %d","code":"C-%06d","created":%d,"price":"%s",`+
		`"active":%t,"token":"%08x-0000-4000-8000-%012x","day":%d,"quantity":%d,"note":"version %d of the note on item %d"}`,
		e.id, e.id, e.id%100_000, 1_600_000_000_000_000+int64(e.id)*1_000_003, decimal(int64(e.id%100_000)*7+int64(e.version)),
		(e.id+e.version)%2 == 0, e.id, e.version, 18_000+e.id%3000, int64(e.id)*10+int64(e.version), e.version, e.id)
}

// decimal writes an unscaled number as Kafka Connect does: the shortest
// two's-complement bytes, big end first, in base64.
func decimal(unscaled int64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(unscaled))
	start := 0
	for start < 7 && (b[start] == 0 && b[start+1] < 0x80 || b[start] == 0xff && b[start+1] >= 0x80) {
		start++
	}
	return base64.StdEncoding.EncodeToString(b[start:])
}
