package kafka

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"metadb/testsql/captures"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func limit(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// consume reads n records from the beginning of all partitions.
func consume(t *testing.T, b *Broker, n int) map[string]map[int32][]*kgo.Record {
	t.Helper()
	var topics []string
	for topic := range b.EndOffsets() {
		topics = append(topics, topic)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.ConsumeTopics(topics...), kgo.FetchMaxWait(200*time.Millisecond),
		kgo.FetchMaxPartitionBytes(8<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	got := map[string]map[int32][]*kgo.Record{}
	for n > 0 {
		fetches := client.PollFetches(limit(t))
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if got[r.Topic] == nil {
				got[r.Topic] = map[int32][]*kgo.Record{}
			}
			got[r.Topic][r.Partition] = append(got[r.Topic][r.Partition], r)
			n--
		})
	}
	return got
}

// sameAsRecorded compares what a consumer got with a recording.
func sameAsRecorded(t *testing.T, got map[string]map[int32][]*kgo.Record, name string) {
	t.Helper()
	for want, err := range captures.Read(name) {
		if err != nil {
			t.Fatal(err)
		}
		list := got[want.Topic][want.Partition]
		if want.Offset >= int64(len(list)) {
			t.Fatalf("%s/%d has only %d records", want.Topic, want.Partition, len(list))
		}
		r := list[want.Offset]
		if r.Offset != want.Offset || !bytes.Equal(r.Key, want.Key) || !bytes.Equal(r.Value, want.Value) ||
			(r.Key == nil) != (want.Key == nil) || (r.Value == nil) != (want.Value == nil) ||
			!r.Timestamp.Equal(want.Timestamp) || len(r.Headers) != len(want.Headers) {
			t.Fatalf("%s/%d offset %d differs", want.Topic, want.Partition, want.Offset)
		}
		for i, header := range want.Headers {
			if r.Headers[i].Key != header.Key || !bytes.Equal(r.Headers[i].Value, header.Value) {
				t.Fatalf("%s/%d offset %d: header %d differs", want.Topic, want.Partition, want.Offset, i)
			}
		}
	}
}

func TestPlayedAsRecorded(t *testing.T) {
	t.Parallel()
	b := Start(t, Options{Play: []string{"shop"}})
	if err := b.WaitPlayed(limit(t)); err != nil {
		t.Fatal(err)
	}
	sameAsRecorded(t, consume(t, b, 7393), "shop")
}

// TestKilledWhilePlaying kills the broker in the middle of a recording.
func TestKilledWhilePlaying(t *testing.T) {
	t.Parallel()
	b := Start(t, Options{Play: []string{"hard/interleave"}, Rate: 4000})
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for total(b) < 1500 {
		<-ticker.C
	}
	b.Kill()
	addr := b.Addr()
	b.Restart()
	if b.Addr() != addr {
		t.Errorf("address %s became %s", addr, b.Addr())
	}
	if err := b.WaitPlayed(limit(t)); err != nil {
		t.Fatal(err)
	}
	sameAsRecorded(t, consume(t, b, 9218), "hard/interleave")
}

func total(b *Broker) int64 {
	var sum int64
	for _, partitions := range b.EndOffsets() {
		for _, end := range partitions {
			sum += end
		}
	}
	return sum
}

// TestRestartKeepsEverything looks at topics, their ids, offsets and groups.
func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	ctx := limit(t)
	b := Start(t, Options{})
	b.CreateTopic("empty", 4)
	b.Produce(
		captures.Record{Topic: "a.b", Partition: 2, Key: []byte("k"), Value: []byte("v")},
		captures.Record{Topic: "a.b", Partition: 0, Key: []byte("k")},
		captures.Record{Topic: "a.b", Partition: 2, Value: []byte{}},
	)
	client := b.client()
	defer client.Close()
	admin := kadm.NewClient(client)
	var commit kadm.Offsets
	commit.AddOffset("a.b", 2, 1, -1)
	if err := admin.CommitAllOffsets(ctx, "g", commit); err != nil {
		t.Fatal(err)
	}
	look := func() any {
		topics, err := admin.ListTopics(ctx)
		if err != nil {
			t.Fatal(err)
		}
		offsets, err := admin.FetchOffsets(ctx, "g")
		if err != nil {
			t.Fatal(err)
		}
		at, _ := offsets.Lookup("a.b", 2)
		return []any{topics["a.b"].ID, topics["empty"].ID, len(topics["empty"].Partitions), at.At, b.EndOffsets()}
	}
	before := look()
	b.Restart()
	if diff := cmp.Diff(before, look()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[int32]int64{0: 1, 1: 0, 2: 2}, b.EndOffsets()["a.b"]); diff != "" {
		t.Error(diff)
	}
}

func TestGenerated(t *testing.T) {
	t.Parallel()
	b := Start(t, Options{Generate: "snapshot=2000,updates=500,partitions=2", Memory: true})
	if err := b.WaitPlayed(limit(t)); err != nil {
		t.Fatal(err)
	}
	if got := total(b); got != 2500 {
		t.Errorf("%d records", got)
	}
}

func TestBadRecordingIsReported(t *testing.T) {
	t.Parallel()
	b := Start(t, Options{Play: []string{"nothing"}})
	if err := b.WaitPlayed(limit(t)); err == nil {
		t.Error("no error")
	}
}
