package streamer

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// signals are the records of a topic of signals that has at least one.
func (b *bed) signals(topic string) []*kgo.Record {
	b.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.kafka.Addr()), kgo.ConsumeTopics(topic))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(b.Context(), topic)
	if err != nil {
		b.Fatal(err)
	}
	end, _ := ends.Lookup(topic, 0)
	var records []*kgo.Record
	for int64(len(records)) < end.Offset {
		fetches := client.PollFetches(b.Context())
		if err := fetches.Err(); err != nil {
			b.Fatal(err)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

// signalled makes a source with one table and a topic of signals.
func (b *bed) signalled() {
	b.Helper()
	b.produce(event("item", "c", 1, `{}`, 1_700_000_000_000), event("a$b", "c", 1, `{}`, 1_700_000_000_001))
	if _, err := b.admin().CreateTopic(b.Context(), 1, 1, nil, "signals"); err != nil {
		b.Fatal(err)
	}
	b.source(`^m\.`, "signal_topic", "signals", "topic_prefix", "m")
}

const signalState = "SELECT coalesce(string_agg(state, ' ' ORDER BY id), '') FROM metadb.request WHERE kind = 'signal'"

// TestSnapshotOnRequest asks for a snapshot of all tables, then of some: the records
// are Debezium's, and written once the generation has begun.
func TestSnapshotOnRequest(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.signalled()
	b.opt.Reached = func(point string) {
		if point == "signal.before" && b.text("SELECT count(*)::text FROM metadb.request WHERE kind = 'sync' AND state <> 'done'") != "0" {
			t.Error("a signal is sent before its generation has begun")
		}
	}
	b.start()
	b.drained()
	b.exec("CALL metadb.sync_data_source('s', NULL, true)")
	b.waitFor("done", signalState)
	b.exec(`CALL metadb.sync_data_source('s', ARRAY['lib','item','lib','a$b'], true)`)
	b.waitFor("done done", signalState)
	got := b.signals("signals")
	want := []string{
		`{"type":"execute-snapshot","data":{"data-collections":[".*"],"type":"INCREMENTAL"}}`,
		`{"type":"execute-snapshot","data":{"data-collections":["lib\\.a\\$b","lib.item"],"type":"INCREMENTAL"}}`,
	}
	if len(got) != len(want) {
		t.Fatalf("%d signals, want %d", len(got), len(want))
	}
	for i, r := range got {
		if string(r.Key) != "m" || string(r.Value) != want[i] || r.Partition != 0 {
			t.Errorf("signal %d: partition %d, key %s: %s\nwant %s", i, r.Partition, r.Key, r.Value, want[i])
		}
	}
}

// TestSignalIsSentOnce ends what sends a signal before and after the record is
// written: the next run writes none or one, so that there is one in the end.
func TestSignalIsSentOnce(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"signal.before", "signal.sent"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.signalled()
			var died atomic.Bool
			b.opt.Reached = func(point string) {
				if point == where && died.CompareAndSwap(false, true) {
					runtime.Goexit()
				}
			}
			stop := b.start()
			b.drained()
			b.exec("CALL metadb.sync_data_source('s', NULL, true)")
			b.waitFor("running", signalState)
			for !died.Load() {
				b.waitFor("running", signalState)
			}
			stop()
			b.start()
			b.waitFor("done", signalState)
			if got := b.signals("signals"); len(got) != 1 {
				t.Errorf("%d signals, want 1", len(got))
			}
		})
	}
}

// TestSignalThatCannotBeSent says why in the request, and is sent as soon as it can be.
func TestSignalThatCannotBeSent(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.produce(event("item", "c", 1, `{}`, 1_700_000_000_000))
	b.source(`^m\.`, "signal_topic", "nowhere", "topic_prefix", "m")
	b.start()
	b.drained()
	b.exec("CALL metadb.sync_data_source('s', NULL, true)")
	b.waitFor("true", "SELECT (detail LIKE '%nowhere%')::text FROM metadb.request WHERE kind = 'signal'")
	if _, err := b.admin().CreateTopic(t.Context(), 1, 1, nil, "nowhere"); err != nil {
		t.Fatal(err)
	}
	b.waitFor("done", signalState)
}
