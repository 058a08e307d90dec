package streamer

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestSkippedRecordsAreCountedOnce counts what becomes of records beside events, in
// a batch that is halved many times: each record counts once.
func TestSkippedRecordsAreCountedOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	const ts = 1_700_000_000_000
	var records []*kgo.Record
	for i := range 40 {
		doc := `{"ok": true}`
		switch i {
		case 7, 23:
			doc = `{"not json` // PostgreSQL refuses it: the batch is halved
		case 11:
			doc = `{"ok": "a\u0000b"}`
		}
		records = append(records, event("item", "c", i, doc, ts+int64(i)))
		switch i % 10 {
		case 3:
			key := records[len(records)-1].Key
			records = append(records, &kgo.Record{Topic: "m.lib.item", Key: key})
		case 5:
			records = append(records, event("item", "u", i, doc, ts)) // lower in every respect: sent again
		}
	}
	records = append(records, event("item", "u", 1, `{"ok": 1}`, ts+100))
	for i := range 3 {
		records = append(records, event("unwanted", "c", i, "{}", ts+int64(i)))
	}
	records = append(records, &kgo.Record{Topic: "m.heartbeat", Key: []byte(`{"serverName":"m"}`), Value: []byte(`{"ts_ms":1}`)})
	records = append(records,
		&kgo.Record{Topic: "m.transaction", Key: []byte(`{"id":"571"}`), Value: []byte(`{"status":"BEGIN","id":"571","ts_ms":1,"event_count":null,"data_collections":null}`)},
		&kgo.Record{Topic: "m.message", Key: []byte(`{"prefix":"p"}`), Value: []byte(`{"op":"m","ts_ms":1,"source":{"ts_ms":1},"message":{"prefix":"p","content":"eA=="}}`)})
	b.produce(records...)
	b.source(`^m\.`, "table_stop_filter", `^lib\.unwanted$`)
	b.start()
	b.drained()
	b.waitFor("4|3|3|4|1|0", `SELECT concat_ws('|', tombstones, ignored, filtered, repeated, repaired_values, nulled_values) FROM metadb.source_counters`)
	b.waitFor("14|1|39|2", `SELECT concat_ws('|', skipped, repaired, events, dead_letters) FROM metadb.status`)
}
