package broker

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/testsql/captures"
)

const (
	// batchBytes bounds a batch: big enough for the longest record.
	batchBytes = 2 << 20
	// buffered bounds the records on their way to the broker.
	buffered = 20_000
)

// Counts says what a fill produced.
type Counts struct {
	Records int            `json:"records"` // in the topics at the end, those of an earlier run included
	Skipped int            `json:"skipped"` // already there
	Topics  map[string]int `json:"topics"`
}

// Partitions gives the number of partitions of each topic to be filled.
type Partitions map[string]int32

// Fill creates the topics and produces the records, each at the partition and
// the offset that it names.  Offsets that the topic already has are skipped,
// so that a fill that was cut off goes on where it stopped.  With a rate above
// 0, that many records a second are produced.
func Fill(ctx context.Context, addr string, topics Partitions, records iter.Seq2[captures.Record, error], rate int) (Counts, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(addr),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(batchBytes),
		kgo.MaxBufferedRecords(buffered),
	)
	if err != nil {
		return Counts{}, fmt.Errorf("fill: %w", err)
	}
	defer client.Close()
	ends, err := prepare(ctx, kadm.NewClient(client), topics)
	if err != nil {
		return Counts{}, fmt.Errorf("fill: %w", err)
	}
	f := &filler{client: client, ends: ends, counts: Counts{Topics: map[string]int{}}}
	if err := f.fill(ctx, records, newPace(rate)); err != nil {
		return f.counts, fmt.Errorf("fill: %w", err)
	}
	return f.counts, nil
}

// prepare creates missing topics and returns where all of them end.
func prepare(ctx context.Context, admin *kadm.Client, topics Partitions) (kadm.ListedOffsets, error) {
	there, err := admin.ListTopics(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for topic, partitions := range topics {
		names = append(names, topic)
		if there.Has(topic) {
			continue
		}
		if _, err := admin.CreateTopic(ctx, partitions, 1, nil, topic); err != nil {
			return nil, fmt.Errorf("create topic %s: %w", topic, err)
		}
	}
	if len(names) == 0 {
		return kadm.ListedOffsets{}, nil
	}
	ends, err := admin.ListEndOffsets(ctx, names...)
	if err != nil {
		return nil, err
	}
	return ends, ends.Error()
}

// filler is the state of one fill.
type filler struct {
	client *kgo.Client
	ends   kadm.ListedOffsets
	counts Counts

	// mu guards failed, which producing goroutines set.
	mu     sync.Mutex
	failed error
}

// fill produces all records and waits until the broker has them.
func (f *filler) fill(ctx context.Context, records iter.Seq2[captures.Record, error], pace *pace) error {
	for record, err := range records {
		if err != nil {
			return err
		}
		f.counts.Records++
		f.counts.Topics[record.Topic]++
		if end, ok := f.ends.Lookup(record.Topic, record.Partition); ok && record.Offset < end.Offset {
			f.counts.Skipped++
			continue
		}
		if err := pace.wait(ctx); err != nil {
			return err
		}
		want := record.Offset
		f.client.Produce(ctx, kafkaRecord(record), func(r *kgo.Record, err error) {
			if err == nil && r.Offset != want {
				err = fmt.Errorf("%s/%d: offset %d became %d", r.Topic, r.Partition, want, r.Offset)
			}
			f.fail(err)
		})
		if err := f.failure(); err != nil {
			return err
		}
	}
	if err := f.client.Flush(ctx); err != nil {
		return err
	}
	return f.failure()
}

// fail remembers the first error.
func (f *filler) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil {
		f.failed = err
	}
}

func (f *filler) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

// kafkaRecord gives a recorded record the client's form.
func kafkaRecord(r captures.Record) *kgo.Record {
	record := &kgo.Record{Topic: r.Topic, Partition: r.Partition, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value}
	for _, header := range r.Headers {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: header.Key, Value: header.Value})
	}
	return record
}
