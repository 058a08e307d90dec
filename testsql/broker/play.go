package broker

import (
	"context"
	"iter"

	"metadb/testsql/captures"
)

// Play produces recordings, one after the other, with the topics, partitions,
// offsets and times they had.
func Play(ctx context.Context, addr string, names []string, rate int) (Counts, error) {
	topics := Partitions{}
	for record, err := range recordings(names) {
		if err != nil {
			return Counts{}, err
		}
		topics[record.Topic] = max(topics[record.Topic], record.Partition+1)
	}
	return Fill(ctx, addr, topics, recordings(names), rate)
}

// recordings yields the records of several recordings.
func recordings(names []string) iter.Seq2[captures.Record, error] {
	return func(yield func(captures.Record, error) bool) {
		for _, name := range names {
			for record, err := range captures.Read(name) {
				if !yield(record, err) || err != nil {
					return
				}
			}
		}
	}
}
