package scenario

import (
	"bytes"
	"context"
	"hash/fnv"
	"iter"
	"strings"

	"metadb/testsql/broker"
	"metadb/testsql/captures"
)

// feed is what is produced: recordings one after the other, into the partitions that
// they had or into a number of them, and under a prefix of the connector's topics that
// may be another.
type feed struct {
	names      []string
	partitions int32 // of each topic, 3 or more; 0: as recorded
	was, now   string
}

// records yields the first n records, all if n is 0.
func (f feed) records(n int) iter.Seq2[captures.Record, error] {
	type partition struct {
		topic string
		id    int32
	}
	return func(yield func(captures.Record, error) bool) {
		next, keyless, i := make(map[partition]int64), int32(0), 0
		for _, name := range f.names {
			for rec, err := range captures.Read(name) {
				if err != nil {
					yield(rec, err)
					return
				}
				if i++; n > 0 && i > n {
					return
				}
				if f.now != "" {
					rec.Topic = strings.ReplaceAll(rec.Topic, f.was, f.now)
					rec.Key, rec.Value = f.renamed(rec.Key), f.renamed(rec.Value)
				}
				if f.partitions > 0 {
					rec.Partition = f.part(rec, &keyless)
					at := partition{rec.Topic, rec.Partition}
					rec.Offset = next[at]
					next[at]++
				}
				if !yield(rec, nil) {
					return
				}
			}
		}
	}
}

// part is the partition of a record. Each gets records of one recorded partition only,
// as the order between recorded ones is not that of the source.
func (f feed) part(rec captures.Record, keyless *int32) int32 {
	const recorded = 3 // at most
	var at []int32
	for p := range f.partitions {
		if p%recorded == rec.Partition || rec.Partition == 0 && !f.split(rec.Topic) {
			at = append(at, p)
		}
	}
	if rec.Key == nil {
		*keyless++
		return at[int(*keyless)%len(at)]
	}
	h := fnv.New32a()
	_, _ = h.Write(rec.Key) // never fails
	return at[h.Sum32()%uint32(len(at))]
}

// split says whether a topic was recorded over several partitions.
func (f feed) split(topic string) bool {
	return strings.HasSuffix(topic, ".acct") || strings.HasSuffix(topic, ".item")
}

func (f feed) renamed(b []byte) []byte {
	if b == nil {
		return nil // a tombstone stays one
	}
	return bytes.ReplaceAll(b, []byte(f.was), []byte(f.now))
}

// fill brings the broker's topics to the first n records of a feed, all if n is 0.
func (s *stage) fill(ctx context.Context, f feed, n, rate int) error {
	topics := broker.Partitions{}
	for rec, err := range f.records(0) {
		if err != nil {
			return err
		}
		topics[rec.Topic] = max(topics[rec.Topic], rec.Partition+1, f.partitions)
	}
	_, err := broker.Fill(ctx, s.broker.Addr(), topics, f.records(n), rate)
	return err
}

// fed is fill as fast as it goes.
func (s *stage) fed(f feed, n int) {
	s.Helper()
	if err := s.fill(s.Context(), f, n, 0); err != nil {
		s.Fatal(err)
	}
}
