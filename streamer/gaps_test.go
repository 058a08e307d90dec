package streamer

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/testsql/compare"
)

// admin is a client for the broker's topics.
func (b *bed) admin() *kadm.Client {
	b.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.kafka.Addr()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	return kadm.NewClient(client)
}

// deleteTopics deletes the source's topics.
func (b *bed) deleteTopics() {
	b.Helper()
	adm := b.admin()
	topics, err := adm.ListTopics(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range topics.Names() {
		if b.topics.MatchString(name) {
			if _, err := adm.DeleteTopics(b.Context(), name); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// TestBulkTopicsMadeAgain deletes all topics and fills new ones of the same names,
// while the server runs and while it does not. Stored offsets mean nothing then,
// also where they lie inside of the new topic; and events may be missing.
func TestBulkTopicsMadeAgain(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{false, true} {
		b := newBed(t)
		b.source(`^hard_recreated\.`)
		b.play("hard/topic_recreated/stage1")
		stop := b.start()
		b.drained()
		if got := b.text("SELECT unsynchronized::text FROM metadb.status"); got != "false" {
			t.Errorf("unsynchronized before anything is lost: %s", got)
		}
		if !running {
			stop()
		}
		b.deleteTopics()
		b.play("hard/topic_recreated/stage2")
		if !running {
			b.start()
		}
		b.drained()
		b.demandEqual(b.check(compare.Options{Capture: "hard/topic_recreated/stage2", Unclosed: true}), "log_nopk")
		if got := b.text("SELECT (count(*) > 0)::text FROM metadb.source_gap WHERE kind = 'recreated'"); got != "true" {
			t.Errorf("running %v: no gap is recorded", running)
		}
		b.waitFor("true", "SELECT (unsynchronized AND reason LIKE 'events are missing%')::text FROM metadb.status")
	}
}

// TestRetentionPassesThePosition deletes records that were not read.
func TestRetentionPassesThePosition(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for id := range 10 {
		b.produce(event("item", "c", id, "{}", 1_700_000_000_000+int64(id)))
	}
	b.source(`^m\.`)
	stop := b.start()
	b.drained()
	stop()
	for id := 10; id < 20; id++ {
		b.produce(event("item", "c", id, "{}", 1_700_000_000_000+int64(id)))
	}
	var upTo kadm.Offsets
	upTo.Add(kadm.Offset{Topic: "m.lib.item", Partition: 0, At: 15})
	if _, err := b.admin().DeleteRecords(t.Context(), upTo); err != nil {
		t.Fatal(err)
	}
	b.start()
	b.drained()
	if got := b.text("SELECT count(*)::text FROM lib.item"); got != "15" {
		t.Errorf("%s rows, want the 10 read before and the 5 left", got)
	}
	if got := b.text("SELECT concat_ws('|', kind, expected, available) FROM metadb.source_gap"); got != "retention|10|15" {
		t.Errorf("gap %s", got)
	}
}

// TestRestoredSource lets positions go back while time goes on, once: what comes is
// applied, and the log says that the source has lost something.
func TestRestoredSource(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	log := b.logged()
	const ts = 1_700_000_000_000
	back := func(id int, by int64) *kgo.Record {
		r := event("item", "u", id, `{"restored": true}`, ts+by)
		position := fmt.Sprint(ts + by)
		r.Value = bytes.Replace(r.Value, []byte(`"lsn":`+position), fmt.Appendf(nil, `"lsn":%d`, by), 1)
		r.Value = bytes.Replace(r.Value, fmt.Appendf(nil, `"[\"%s\",\"%[1]s\"]"`, position), fmt.Appendf(nil, `"[\"%d\",\"%[1]d\"]"`, by), 1)
		return r
	}
	b.produce(event("item", "c", 1, "{}", ts), event("item", "c", 2, "{}", ts+1), back(1, 5000), back(3, 6000), back(1, 5000))
	b.source(`^m\.`)
	b.start()
	b.drained()
	if got := b.text("SELECT string_agg(id || ' ' || doc, ', ' ORDER BY id) FROM lib.item"); got != `1 {"restored": true}, 2 {}, 3 {"restored": true}` {
		t.Errorf("rows: %s", got)
	}
	b.waitFor("1", "SELECT repeated::text FROM metadb.source_counters")
	if n := log.count("the source was restored"); n != 1 {
		t.Errorf("said %d times", n)
	}
}

// TestTopicsAndPartitionsAppear adds a topic and a partition while the server runs.
func TestTopicsAndPartitionsAppear(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.produce(event("item", "c", 1, "{}", 1_700_000_000_000))
	b.source(`^m\.`)
	b.start()
	b.drained()
	b.produce(event("later", "c", 1, "{}", 1_700_000_000_000))
	b.waitFor("1", "SELECT count(*)::text FROM lib.later")
	if _, err := b.admin().CreatePartitions(t.Context(), 2, "m.lib.item"); err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(b.kafka.Addr()), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	rec := event("item", "c", 2, "{}", 1_700_000_000_001)
	rec.Partition = 1
	if err := client.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
		t.Fatal(err)
	}
	b.waitFor("2", "SELECT count(*)::text FROM lib.item")
}

// TestSourcesSideBySide streams two sources at once, stops one, alters the other.
func TestSourcesSideBySide(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.produce(event("item", "c", 1, "{}", 1_700_000_000_000))
	other := event("thing", "c", 1, "{}", 1_700_000_000_000)
	other.Topic = "n.lib.thing"
	b.produce(other)
	b.source(`^m\.`)
	b.start()
	b.exec("CALL metadb.create_data_source('second', 'kafka', ARRAY['brokers', $1, 'topics', '^n\\.', 'consumer_group', 'g2', 'security', 'plaintext'])", b.kafka.Addr())
	b.waitFor("1", "SELECT count(*)::text FROM lib.item")
	b.waitFor("1", "SELECT count(*)::text FROM lib.thing")
	b.waitFor("active active", "SELECT string_agg(source_stream, ' ') FROM metadb.status")
	b.exec("CALL metadb.drop_data_source('second')")
	b.waitFor("s", "SELECT string_agg(name, ' ') FROM metadb.status")
	b.exec("CALL metadb.alter_data_source('s', ARRAY['set', 'topics', '^[mn]\\.'])")
	b.produce(event("item", "u", 1, `{"x": 1}`, 1_700_000_000_005))
	b.waitFor("2", "SELECT count(*)::text FROM lib.item__")
	if got := b.text("SELECT count(*)::text FROM lib.thing__"); got != "1" {
		t.Errorf("the row of the dropped source, read again: %s versions", got)
	}
}

// TestBulkAnotherGroupReadsTheSameTopics changes the consumer group: everything is read
// again, and nothing changes.
func TestBulkAnotherGroupReadsTheSameTopics(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.source(`^metadb_shop_1\.`, "on_bad_value", "null")
	b.play("shop")
	b.start()
	b.drained()
	const versions = "SELECT count(*)::text FROM shop.customers__"
	before := b.text(versions)
	b.exec("CALL metadb.alter_data_source('s', ARRAY['set', 'consumer_group', 'another'])")
	b.waitFor("2", "SELECT max(stream)::text FROM metadb.source_offset")
	b.waitFor("true", `SELECT (sum(next) FILTER (WHERE stream = 2) = sum(next) FILTER (WHERE stream = 1))::text FROM metadb.source_offset`)
	if after := b.text(versions); after != before {
		t.Errorf("%s versions of customers, %s before", after, before)
	}
	b.demandEqual(b.check(compare.Options{Capture: "shop", Oracle: "1_initial"}), "events_nopk")
}
