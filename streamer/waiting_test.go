package streamer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// column is a column of a test's event: its Debezium type and its value in JSON.
type column struct{ name, kind, value string }

// shaped is an event of table lib.TABLE, key id, with more columns.
func shaped(table, op string, id int, ts int64, columns ...column) *kgo.Record {
	fields := []string{`{"type":"int32","optional":false,"field":"id"}`}
	row := []string{fmt.Sprintf(`"id":%d`, id)}
	for _, c := range columns {
		fields = append(fields, fmt.Sprintf(`{"type":%q,"optional":true,"field":%q}`, c.kind, c.name))
		row = append(row, fmt.Sprintf("%q:%s", c.name, c.value))
	}
	list, values := strings.Join(fields, ","), "{"+strings.Join(row, ",")+"}"
	value := fmt.Sprintf(`{"schema":{"type":"struct","fields":[{"type":"struct","fields":[%s],"optional":true,"name":"v","field":"before"},`+
		`{"type":"struct","fields":[%s],"optional":true,"name":"v","field":"after"}],"optional":false,"name":"e"},`+
		`"payload":{"before":null,"after":%s,"source":{"ts_ms":%d,"snapshot":"false","schema":"lib","table":%q,"txId":1,"lsn":%d,`+
		`"sequence":"[\"%d\",\"%d\"]"},"op":%q,"ts_ms":%d}}`, list, list, values, ts, table, ts, ts, ts, op, ts)
	key := fmt.Sprintf(`{"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"name":"k"},"payload":{"id":%d}}`, id)
	return &kgo.Record{Topic: "m.lib." + table, Key: []byte(key), Value: []byte(value)}
}

// reading is a transaction of somebody who has read a table and stays.
func (b *bed) reading(table string) pgx.Tx {
	b.Helper()
	return b.holding("SELECT FROM " + table)
}

const base = int64(1_700_000_000_000)

// TestOnlyTheTopicsOfAWaitingTableWait lets a schema change of one table wait for a
// reader: the positions of the other topics go on to their ends, those of the
// table stay before the event, and when the reader is gone, everything is there in
// its order.
func TestOnlyTheTopicsOfAWaitingTableWait(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.produce(shaped("item", "c", 1, base), shaped("other", "c", 1, base))
	b.source(`^m\.`)
	b.start()
	b.drained()
	reader := b.reading("lib.item")
	b.produce(shaped("item", "u", 1, base+1), shaped("item", "c", 2, base+2))
	b.drained()
	var records []*kgo.Record
	for i := range 50 {
		more := column{"more", "int32", fmt.Sprint(i)}
		records = append(records, shaped("item", "u", 1, base+int64(10+i), more), shaped("other", "u", 1, base+int64(10+i), more))
	}
	b.produce(records...)
	const position = "SELECT next::text FROM metadb.source_offset WHERE topic = $1"
	b.waitFor("51", position, "m.lib.other")
	b.waitFor("51|50", "SELECT count(*) || '|' || max(more) FILTER (WHERE __current) + 1 FROM lib.other__")
	b.waitFor("active|true", `SELECT source_stream || '|' || (reason LIKE 'table lib.item waits for locks to add column more integer; blocked by process '
		|| $1::text)::text FROM metadb.status`, fmt.Sprint(reader.Conn().PgConn().PID()))
	if got := b.text(position, "m.lib.item"); got != "3" {
		t.Errorf("the waiting table's topic is at %s, want 3, the event that needs the column", got)
	}
	if got := b.text("SELECT count(*)::text FROM lib.item__"); got != "2" {
		t.Errorf("%s versions of the waiting table, want the 2 before", got)
	}
	if err := reader.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.drained()
	if got := b.text("SELECT string_agg(more::text, ' ' ORDER BY __start) FROM lib.item__ WHERE id = 1 AND more IS NOT NULL"); got != sequence(50) {
		t.Errorf("versions in order: %s", got)
	}
	b.waitFor("active|", "SELECT source_stream || '|' || reason FROM metadb.status")
	if got := b.text("SELECT count(*)::text FROM metadb.dead_letter"); got != "0" {
		t.Errorf("%s dead letters", got)
	}
}

// sequence is 0 1 2 … n-1.
func sequence(n int) string {
	var words []string
	for i := range n {
		words = append(words, fmt.Sprint(i))
	}
	return strings.Join(words, " ")
}

// TestWaitingWithSharedTopics lets two tables wait of which one is fed by two
// topics, one of them together with the other and with a third table. Tables of
// topics that are not concerned go on.
func TestWaitingWithSharedTopics(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	to := func(topic string, r *kgo.Record) *kgo.Record { r.Topic = topic; return r }
	b.produce(shaped("item", "c", 1, base), shaped("second", "c", 1, base), shaped("third", "c", 1, base), shaped("free", "c", 1, base))
	b.source(`^m\.`)
	b.start()
	b.drained()
	one, two := b.reading("lib.item"), b.reading("lib.second")
	var records []*kgo.Record
	for i := range 30 {
		at, more := base+int64(10+i), column{"more", "int32", fmt.Sprint(i)}
		records = append(records,
			to("m.mixed", shaped("third", "u", 1, at, more)), to("m.mixed", shaped("item", "c", 100+i, at, more)),
			to("m.mixed", shaped("second", "u", 1, at, more)), shaped("item", "u", 1, at, more), shaped("free", "u", 1, at, more))
	}
	b.produce(records...)
	b.waitFor("31", "SELECT next::text FROM metadb.source_offset WHERE topic = 'm.lib.free'")
	b.waitFor("true", "SELECT (reason LIKE 'table lib.item waits%')::text FROM metadb.status")
	if err := one.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.waitFor("true", "SELECT (reason LIKE 'table lib.second waits%')::text FROM metadb.status")
	if err := two.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.drained()
	for _, table := range []string{"item", "second", "third", "free"} {
		got := b.text("SELECT string_agg(more::text, ' ' ORDER BY __start) FROM lib." + table + "__ WHERE id = 1 AND more IS NOT NULL")
		if got != sequence(30) {
			t.Errorf("versions of %s in order: %s", table, got)
		}
	}
	if got := b.text("SELECT count(*)::text FROM lib.item"); got != "31" {
		t.Errorf("%s rows of item", got)
	}
	b.waitFor("", "SELECT reason FROM metadb.status")
}

// TestWaitingSurvivesRestartAndLostLog restarts the server while a table waits, and
// deletes the record from which it is to be read again.
func TestWaitingSurvivesRestartAndLostLog(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.produce(shaped("item", "c", 1, base), shaped("other", "c", 1, base))
	b.source(`^m\.`)
	stop := b.start()
	b.drained()
	reader := b.reading("lib.item")
	var records []*kgo.Record
	for i := range 5 {
		records = append(records, shaped("item", "u", 1, base+int64(10+i), column{"more", "int32", fmt.Sprint(i)}))
	}
	b.produce(records...)
	b.waitFor("true", "SELECT (reason LIKE 'table lib.item waits%')::text FROM metadb.status")
	stop()
	b.start()
	b.produce(shaped("other", "u", 1, base+20, column{"more", "int32", "1"}))
	b.waitFor("2", "SELECT next::text FROM metadb.source_offset WHERE topic = 'm.lib.other'")
	b.waitFor("true", "SELECT (reason LIKE 'table lib.item waits%')::text FROM metadb.status")
	var upTo kadm.Offsets
	upTo.Add(kadm.Offset{Topic: "m.lib.item", Partition: 0, At: 3})
	if _, err := b.admin().DeleteRecords(t.Context(), upTo); err != nil {
		t.Fatal(err)
	}
	if err := reader.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.drained()
	if got := b.text("SELECT string_agg(more::text, ' ' ORDER BY __start) FROM lib.item__ WHERE more IS NOT NULL"); got != "2 3 4" {
		t.Errorf("versions: %s, want those that Kafka still had", got)
	}
	if got := b.text("SELECT concat_ws('|', kind, expected, available) FROM metadb.source_gap"); got != "retention|1|3" {
		t.Errorf("gap %s", got)
	}
}
