package main

import (
	"fmt"
	"time"
)

// change is one change of a row, in the shape that Debezium's PostgreSQL connector
// gives it through the JSON converter with schemas.
type change struct {
	table       int
	id, version int
	op          byte
	at          time.Time
	lsn         int64
}

func topicOf(table int) string { return fmt.Sprintf("soak.soak.t%03d", table) }

// rowFields are the columns of every table.
const rowFields = `{"type":"int32","optional":false,"field":"id"},{"type":"int64","optional":true,"field":"version"},` +
	`{"type":"string","optional":true,"field":"title"},{"type":"string","optional":true,"field":"note"},` +
	`{"type":"boolean","optional":true,"field":"active"},` +
	`{"type":"int64","optional":true,"name":"io.debezium.time.MicroTimestamp","version":1,"field":"updated"}`

// eventSchema is the schema of the values.
const eventSchema = `{"type":"struct","fields":[{"type":"struct","fields":[` + rowFields + `],"optional":true,"name":"soak.Value","field":"before"},` +
	`{"type":"struct","fields":[` + rowFields + `],"optional":true,"name":"soak.Value","field":"after"},` +
	`{"type":"struct","fields":[{"type":"string","optional":false,"field":"version"},{"type":"string","optional":false,"field":"connector"},` +
	`{"type":"string","optional":false,"field":"name"},{"type":"int64","optional":false,"field":"ts_ms"},` +
	`{"type":"string","optional":true,"field":"snapshot"},{"type":"string","optional":false,"field":"db"},` +
	`{"type":"string","optional":true,"field":"sequence"},{"type":"string","optional":false,"field":"schema"},` +
	`{"type":"string","optional":false,"field":"table"},{"type":"int64","optional":true,"field":"txId"},` +
	`{"type":"int64","optional":true,"field":"lsn"}],"optional":false,"name":"io.debezium.connector.postgresql.Source","field":"source"},` +
	`{"type":"string","optional":false,"field":"op"},{"type":"int64","optional":true,"field":"ts_ms"}],"optional":false,"name":"soak.Envelope"}`

// keySchema is the schema of the keys.
const keySchema = `{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":false,"name":"soak.Key"}`

func (c change) key() []byte {
	return fmt.Appendf(nil, `{"schema":%s,"payload":{"id":%d}}`, keySchema, c.id)
}

func (c change) value() []byte {
	ms := c.at.UnixMilli()
	b := make([]byte, 0, len(eventSchema)+700)
	b = append(append(b, `{"schema":`...), eventSchema...)
	return fmt.Appendf(b, `,"payload":{"before":null,"after":{"id":%d,"version":%d,"title":"Title of row %d in table %d",`+
		`"note":"version %d of a note that is about as long as such notes are","active":%t,"updated":%d},`+
		`"source":{"version":"3.1.3.Final","connector":"postgresql","name":"soak","ts_ms":%d,"snapshot":"false","db":"soak",`+
		`"sequence":"[\"%d\",\"%d\"]","schema":"soak","table":"t%03d","txId":%d,"lsn":%d},"op":"%c","ts_ms":%d}}`,
		c.id, c.version, c.id, c.table, c.version, c.version%2 == 0, c.at.UnixMicro(), ms, c.lsn-1, c.lsn, c.table, c.lsn, c.lsn, c.op, ms)
}
