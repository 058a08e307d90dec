package streamer

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/debezium"
)

// modelKind is a type of the simulated source with a few values. Kinds of one
// family hold the same values in the same places, so that a column may change
// between them.
type modelKind struct {
	name   string
	schema string // Connect's, without field
	large  bool   // the connector may leave out values that did not change
	values []modelValue
}

func kindOf(name, schema string, values ...modelValue) *modelKind {
	return &modelKind{name: name, schema: schema, values: values}
}

// same is a value that is printed, and compared, as itself.
func same(json, text string) modelValue { return modelValue{json: json, text: text, class: text} }

func quoted(texts ...string) []modelValue {
	var values []modelValue
	for _, s := range texts {
		values = append(values, same(fmt.Sprintf("%q", s), s))
	}
	return values
}

const (
	uuidA = "00000000-0000-4000-8000-00000000000a"
	uuidB = "00000000-0000-4000-8000-00000000000b"
)

// Schemas of Connect by the name that the tests use.
const (
	schemaUUID     = `"type":"string","name":"io.debezium.data.Uuid"`
	schemaJSON     = `"type":"string","name":"io.debezium.data.Json"`
	schemaText     = `"type":"string"`
	schemaZoned    = `"type":"string","name":"io.debezium.time.ZonedTimestamp"`
	schemaVariable = `"type":"struct","fields":[{"type":"int32","field":"scale"},{"type":"bytes","field":"value"}],"name":"io.debezium.data.VariableScaleDecimal"`
)

func schemaDecimal(scale int) string {
	return fmt.Sprintf(`"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"%d"}`, scale)
}

// numberKinds hold 1, 2 and 3: the widths and forms that a number may change to.
func numberKinds() []*modelKind {
	var kinds []*modelKind
	for _, k := range []struct{ name, schema, one, two, three string }{
		{"smallint", `"type":"int16"`, "1", "2", "3"},
		{"integer", `"type":"int32"`, "1", "2", "3"},
		{"bigint", `"type":"int64"`, "1", "2", "3"},
		{"real", `"type":"float"`, "1.0", "2.0", "3.0"},
		{"double", `"type":"double"`, "1.0", "2.0", "3.0"},
		{"numeric", schemaDecimal(0), `"AQ=="`, `"Ag=="`, `"Aw=="`},
		{"text", schemaText, `"1"`, `"2"`, `"3"`},
		{"json", schemaJSON, `"1"`, `"2"`, `"3"`},
	} {
		kinds = append(kinds, kindOf(k.name, k.schema, same(k.one, "1"), same(k.two, "2"), same(k.three, "3")))
	}
	return kinds
}

// families are the kinds of ordinary columns; a column may change its kind within
// its family.
func families() [][]*modelKind {
	document := kindOf("document", schemaJSON,
		modelValue{`"{\"a\": 1, \"b\": [1, 2]}"`, `{"a": 1, "b": [1, 2]}`, "1"},
		modelValue{`"{\"b\":[1,2],\"a\":1}"`, `{"a": 1, "b": [1, 2]}`, "1"},
		modelValue{`"{\"a\": 1.0, \"b\": [1, 2]}"`, `{"a": 1.0, "b": [1, 2]}`, "1"},
		same(`"\"x\""`, `"x"`))
	long := strings.Repeat("y", 2000)
	big := kindOf("big", schemaText, quoted("", "x", long)...)
	document.large, big.large = true, true
	return [][]*modelKind{
		numberKinds(),
		{big}, {document},
		{kindOf("uuid", schemaUUID, quoted(uuidA, uuidB)...), kindOf("name", schemaText, quoted(uuidA, uuidB, "none")...)},
		{kindOf("decimal", schemaVariable,
			modelValue{`{"scale":1,"value":"Dw=="}`, "1.5", "1.5"}, modelValue{`{"scale":2,"value":"AJY="}`, "1.50", "1.5"},
			same(`{"scale":0,"value":"+Q=="}`, "-7"), same(`{"scale":0,"value":"AA=="}`, "0"))},
		{kindOf("float", `"type":"float"`, same("0.1", "0.1"), modelValue{"-0.0", "-0", "0"}, same("0.0", "0"), same(`"NaN"`, "NaN"))},
		{kindOf("moment", schemaZoned,
			modelValue{`"2020-01-01T00:00:00Z"`, "2020-01-01 00:00:00+00", "0"}, modelValue{`"2020-01-01T01:00:00+01:00"`, "2020-01-01 00:00:00+00", "0"},
			same(`"2020-01-01T00:00:00.000001Z"`, "2020-01-01 00:00:00.000001+00"))},
	}
}

// keyFamilies are the kinds of key columns.
func keyFamilies() [][]*modelKind {
	return [][]*modelKind{
		numberKinds(), // but for real, double and json, which no key is made of
		{kindOf("uuid", schemaUUID, quoted(uuidA, uuidB)...), kindOf("name", schemaText, quoted(uuidA, uuidB, "none")...)},
		{kindOf("decimal", schemaDecimal(2), same(`"AJY="`, "1.50"), same(`"+Q=="`, "-0.07"), same(`"AA=="`, "0.00"))},
		{kindOf("day", `"type":"int32","name":"io.debezium.time.Date"`, same("0", "1970-01-01"), same("-1", "1969-12-31"), same("18262", "2020-01-01"))},
		{kindOf("micros", `"type":"int64","name":"io.debezium.time.MicroTimestamp"`, same("0", "1970-01-01 00:00:00"), same("1", "1970-01-01 00:00:00.000001"))},
		{kindOf("moment", schemaZoned, same(`"2020-01-01T00:00:00Z"`, "2020-01-01 00:00:00+00"), same(`"2020-01-01T00:00:00.1Z"`, "2020-01-01 00:00:00.1+00"))},
		{kindOf("flag", `"type":"boolean"`, same("true", "true"), same("false", "false"))},
		{kindOf("bytes", `"type":"bytes"`, same(`""`, `\x`), same(`"AQ=="`, `\x01`), same(`"AQI="`, `\x0102`))},
		{kindOf("word", schemaText, quoted("", " ", "é", "E")...)},
		{kindOf("document", schemaJSON, same(`"{}"`, "{}"), same(`"[1]"`, "[1]"), same(`"\"1\""`, `"1"`))},
	}
}

// modelColumn is a column of the source at some time.
type modelColumn struct {
	name string
	kind *modelKind
}

// modelTable is a table of the source; its topic has the same name.
type modelTable struct {
	name       string
	partitions int
	keyless    bool // its records have no key, and carry the whole row before a change
	damaged    bool // the connector damages its name in streamed events, which lose their key
}

// modelKey is the key of a row.
type modelKey []modelValue

// id names the key: the same for values that are equal, whatever their type.
func (k modelKey) id() string {
	var texts []string
	for _, v := range k {
		texts = append(texts, v.class)
	}
	return strings.Join(texts, ",")
}

// modelEvent is one event of the source's log.
type modelEvent struct {
	table   *modelTable
	op      byte
	columns []modelColumn
	keys    []modelColumn
	key     modelKey
	oldKey  modelKey // a change of key's insert
	newKey  modelKey // and its delete
	row     modelRow
	before  modelRow        // tables without a key: what an update or delete ends
	unsent  map[string]bool // columns whose placeholder is sent

	ts, lsn, commit, tx int64 // commit 0: not known
	snapshot, connector string
}

// String shows the event in a failing test's log.
func (e *modelEvent) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%c %s key=%s", e.op, e.table.name, e.key.id())
	if e.oldKey != nil {
		fmt.Fprintf(&b, " was=%s", e.oldKey.id())
	}
	for _, c := range e.columns {
		if e.before != nil {
			fmt.Fprintf(&b, " old %s=%.20s", c.name, e.before.get(c.name).text)
		}
	}
	for _, c := range e.columns {
		text := e.row.get(c.name).text
		if len(text) > 20 {
			text = text[:20] + "…"
		}
		if e.unsent[c.name] {
			text += " (not sent)"
		}
		fmt.Fprintf(&b, " %s %s=%s", c.name, c.kind.name, text)
	}
	fmt.Fprintf(&b, " [ts %d, lsn %d, commit %d, tx %d]", e.ts, e.lsn, e.commit, e.tx)
	return b.String()
}

// fields are the columns in a schema block.
func fields(columns []modelColumn) string {
	var list []string
	for _, c := range columns {
		list = append(list, fmt.Sprintf(`{%s,"optional":true,"field":%q}`, c.kind.schema, c.name))
	}
	return strings.Join(list, ",")
}

func (e *modelEvent) payload(k modelKey) string {
	var list []string
	for i, c := range e.keys {
		list = append(list, fmt.Sprintf("%q:%s", c.name, k[i].json))
	}
	return "{" + strings.Join(list, ",") + "}"
}

// record is the event as the connector writes it at a time of its own.
func (e *modelEvent) record(partition int32, sent int64, forgotCommit bool) *kgo.Record {
	r := &kgo.Record{Topic: e.topic(), Partition: partition}
	name := e.table.name
	if e.damaged() {
		name = damage(name)
	}
	if e.op != 't' && !e.unkeyed() {
		r.Key = fmt.Appendf(nil, `{"schema":{"type":"struct","fields":[%s],"optional":false,"name":"k"},"payload":%s}`, fields(e.keys), e.payload(e.key))
	}
	for name, k := range map[string]modelKey{debezium.OldKeyHeader: e.oldKey, "__debezium.newkey": e.newKey} {
		if k != nil {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: name, Value: []byte(e.payload(k))})
		}
	}
	sequence := fmt.Sprintf(`"[null,\"%d\"]"`, e.lsn)
	if e.commit != 0 && !forgotCommit {
		sequence = fmt.Sprintf(`"[\"%d\",\"%d\"]"`, e.commit, e.lsn)
	}
	before, after := "null", "null"
	switch {
	case e.before != nil:
		before = e.image(e.before, nil)
	case e.op == 'd' && e.damaged():
		before = e.payload(e.key)
	}
	if strings.ContainsRune("cru", rune(e.op)) {
		after = e.image(e.row, e.unsent)
	}
	image := fields(e.columns)
	r.Value = fmt.Appendf(nil, `{"schema":{"type":"struct","fields":[{"type":"struct","fields":[%s],"optional":true,"name":"v","field":"before"},`+
		`{"type":"struct","fields":[%s],"optional":true,"name":"v","field":"after"}],"optional":false,"name":"e"},"payload":{"before":%s,"after":%s,`+
		`"source":{"name":%q,"ts_ms":%d,"snapshot":%q,"schema":"m","table":%q,"txId":%d,"lsn":%d,"sequence":%s},"op":"%c","ts_ms":%d}}`,
		image, image, before, after, e.connector, e.ts, e.snapshot, name, e.tx, e.lsn, sequence, e.op, sent)
	return r
}

// damaged says whether the event comes under a damaged name.
func (e *modelEvent) damaged() bool { return e.table.damaged && e.snapshot == "false" }

// sharesPlace says whether an event is of the same COPY page as the one before it, of a
// table without a key.
func (e *modelEvent) sharesPlace(before *modelEvent) bool {
	return e.unkeyed() && e.lsn == before.lsn && e.tx == before.tx
}

// unkeyed says whether its record has no key.
func (e *modelEvent) unkeyed() bool { return e.table.keyless || e.damaged() }

// topics are those of a table.
func (t *modelTable) topics() []string {
	if t.damaged {
		return []string{"m." + t.name, "m." + damage(t.name)}
	}
	return []string{"m." + t.name}
}

func (e *modelEvent) topic() string {
	topics := e.table.topics()
	if e.damaged() {
		return topics[1]
	}
	return topics[0]
}

// image is a row as the connector writes it.
func (e *modelEvent) image(row modelRow, unsent map[string]bool) string {
	var list []string
	for _, c := range e.columns {
		json := row.get(c.name).json
		if unsent[c.name] {
			json = `"` + debezium.DefaultPlaceholder + `"`
		}
		list = append(list, fmt.Sprintf("%q:%s", c.name, json))
	}
	return "{" + strings.Join(list, ",") + "}"
}

// tombstone follows a delete.
func (e *modelEvent) tombstone(partition int32) *kgo.Record {
	r := e.record(partition, 0, false)
	return &kgo.Record{Topic: r.Topic, Partition: partition, Key: r.Key}
}
