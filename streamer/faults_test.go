package streamer

import (
	"errors"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// change makes the record of an event of table lib.item (id integer key, doc
// json), or of another table of that shape.
func event(table, op string, id int, doc string, ts int64) *kgo.Record {
	const fields = `{"type":"int32","optional":false,"field":"id"},{"type":"string","optional":true,"name":"io.debezium.data.Json","version":1,"field":"doc"}`
	const schema = `{"type":"struct","fields":[{"type":"struct","fields":[` + fields + `],"optional":true,"name":"v","field":"before"},` +
		`{"type":"struct","fields":[` + fields + `],"optional":true,"name":"v","field":"after"}],"optional":false,"name":"e"}`
	value := fmt.Sprintf(`{"schema":%s,"payload":{"before":null,"after":{"id":%d,"doc":%q},"source":{"ts_ms":%d,"snapshot":"false",`+
		`"schema":"lib","table":"%s","txId":1,"lsn":%d,"sequence":"[\"%d\",\"%d\"]"},"op":"%s","ts_ms":%d}}`,
		schema, id, doc, ts, table, ts, ts, ts, op, ts)
	key := fmt.Sprintf(`{"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"name":"k"},"payload":{"id":%d}}`, id)
	return &kgo.Record{Topic: "m.lib." + table, Key: []byte(key), Value: []byte(value)}
}

// produce writes records to the broker, creating their topics.
func (b *bed) produce(records ...*kgo.Record) {
	b.Helper()
	client, err := kgo.NewClient(append(b.client, kgo.SeedBrokers(b.kafka.Addr()), kgo.ProducerBatchMaxBytes(16<<20))...)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for _, r := range records {
		_, err := kadm.NewClient(client).CreateTopic(b.Context(), 1, 1, nil, r.Topic)
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			b.Fatal(err)
		}
	}
	if err := client.ProduceSync(b.Context(), records...).FirstErr(); err != nil {
		b.Fatal(err)
	}
}

// TestOneBadEventStopsNothing mixes documents that PostgreSQL refuses, a reserved
// schema, a user's own table and records that are no events into a stream.
func TestOneBadEventStopsNothing(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.exec("CREATE SCHEMA lib; CREATE TABLE lib.mine (x int); INSERT INTO lib.mine VALUES (1)")
	var records []*kgo.Record
	bad := 0
	for i := range 200 {
		doc := `{"ok": true}`
		if i%50 == 7 {
			doc = `{"not json`
			bad++
		}
		records = append(records, event("item", "c", i, doc, 1_700_000_000_000+int64(i)))
	}
	records = append(records,
		event("mine", "c", 1, "{}", 1_700_000_000_000),
		&kgo.Record{Topic: "m.lib.item", Key: []byte("{"), Value: []byte(`{"schema":`)},
		event("item", "u", 1, `{"ok": false}`, 1_700_000_001_000))
	bad += 2
	b.produce(records...)
	b.source(`^m\.`)
	b.start()
	b.drained()
	if got := b.text("SELECT count(*)::text FROM lib.item WHERE doc = '{\"ok\": true}'"); got != "195" {
		t.Errorf("%s rows, want 195", got)
	}
	if got := b.text("SELECT doc->>'ok' FROM lib.item WHERE id = 1"); got != "false" {
		t.Errorf("the event after the bad ones: %s", got)
	}
	if got := b.text("SELECT string_agg(x::text, ',') FROM lib.mine"); got != "1" {
		t.Errorf("the user's own table holds %s", got)
	}
	if got := b.text("SELECT count(*)::text FROM metadb.dead_letter WHERE record_value IS NOT NULL AND reason <> ''"); got != fmt.Sprint(bad) {
		t.Errorf("%s dead letters, want %d", got, bad)
	}
	b.waitFor(fmt.Sprint(bad), "SELECT dead_letters::text FROM metadb.status")
}
