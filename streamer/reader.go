package streamer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/change"
	"metadb/debezium"
)

// Bounds of a batch beside its number of records: bytes that it keeps, which are
// decoded rows and the records of dead letters; and how long a batch that has
// records waits for more while the applier is busy. The bytes of Kafka's records
// are mostly schemas, of which nothing stays.
const (
	batchBytes = 4 << 20
	pollPause  = 20 * time.Millisecond
)

// reader turns the records of one stream into batches. It runs in one goroutine;
// batches go to the applier and come back empty through free.
type reader struct {
	client *kgo.Client
	source string
	router *router
	log    *slog.Logger
	limit  int // records in a batch

	assigned func(partition) (position, bool)
	shared   func(topic string) bool // it has several partitions
	denied   func(topic string, partition int32, err error)
	diagnose func(error) error
	reached  func(point string)
	parts    map[partition]*position
	decoders map[string]*debezium.Decoder
	shapes   *debezium.Shapes
	letters  *letters
	orders   *orders // of the applier

	nullBadValues bool // option on_bad_value

	out   chan *change.Batch
	free  chan *change.Batch
	batch *change.Batch
	index map[partition]int // of the partition in batch.Parts
	dead  int               // bytes of the batch's dead letters

	pending []*kgo.Record // read but beyond the batch
	lag     *lagMeter
}

// run reads until ctx ends or a partition cannot be read on.
func (r *reader) run(ctx context.Context) error {
	r.next()
	for {
		r.obey()
		if r.batch.Records > 0 && r.offer(ctx) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.fill(ctx); err != nil {
			var stop *stopped
			if errors.As(err, &stop) {
				r.last(ctx)
			}
			return err
		}
	}
}

// offer hands the batch over if the applier waits for one, or, once it is full,
// when it does.
func (r *reader) offer(ctx context.Context) bool {
	r.seal()
	if !r.full() && len(r.pending) == 0 {
		select {
		case r.out <- r.batch:
		default:
			return false
		}
	} else {
		select {
		case r.out <- r.batch:
		case <-ctx.Done():
			return false
		}
	}
	r.next()
	return true
}

func (r *reader) full() bool {
	return r.batch.Records >= r.limit || r.batch.Arena.Size()+r.dead >= batchBytes
}

// next begins an empty batch, in the memory of one that was applied if there is one.
func (r *reader) next() {
	select {
	case r.batch = <-r.free:
		clear(r.batch.Events)
		clear(r.batch.Dead)
		r.batch.Parts, r.batch.Events, r.batch.Dead = r.batch.Parts[:0], r.batch.Events[:0], r.batch.Dead[:0]
		r.batch.Skips, r.batch.Resent, r.batch.Records = r.batch.Skips[:0], r.batch.Resent[:0], 0
		r.batch.Arena.Reset()
	default:
		r.batch = &change.Batch{Events: make([]change.Event, 0, r.limit)}
	}
	clear(r.index)
	r.dead = 0
}

// seal brings the batch's positions up to date.
func (r *reader) seal() {
	for part, i := range r.index {
		p := r.parts[part]
		r.batch.Parts[i].Next, r.batch.Parts[i].After = p.next, p.mark
	}
}

// fill reads more records into the batch: it waits for the first, but only a
// moment for more.
func (r *reader) fill(ctx context.Context) error {
	if len(r.pending) == 0 {
		poll, done := r.orders.polling(ctx)
		defer done()
		if r.batch.Records > 0 {
			var cancel context.CancelFunc
			poll, cancel = context.WithTimeout(poll, pollPause)
			defer cancel()
		}
		fetches := r.client.PollRecords(poll, r.limit)
		if err := r.failure(ctx, fetches); err != nil {
			return err
		}
		r.lag.observe(fetches)
		r.pending = fetches.Records()
		r.reached("poll.after")
	}
	for i, rec := range r.pending {
		if r.full() {
			r.pending = r.pending[i:]
			return nil
		}
		if err := r.take(rec); err != nil {
			return err
		}
	}
	r.pending = nil
	return nil
}

// failure finds what in the fetches ends this run: a partition that cannot be
// read on from where it stands. A new run decides anew where to read it.
func (r *reader) failure(ctx context.Context, fetches kgo.Fetches) error {
	for _, e := range fetches.Errors() {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(e.Err, context.DeadlineExceeded), errors.Is(e.Err, context.Canceled):
			continue
		case e.Topic == "":
			return fmt.Errorf("read: %w", r.diagnose(e.Err))
		case errors.Is(e.Err, kerr.TopicAuthorizationFailed):
			r.denied(e.Topic, e.Partition, e.Err)
			continue
		}
		return fmt.Errorf("read topic %s, partition %d: %w", e.Topic, e.Partition, e.Err)
	}
	return nil
}

// take puts one record into the batch.
func (r *reader) take(rec *kgo.Record) error {
	part := partition{rec.Topic, rec.Partition}
	p, ok := r.parts[part]
	if !ok {
		start, ok := r.assigned(part)
		if !ok {
			return fmt.Errorf("record of topic %s, partition %d, which is not assigned", rec.Topic, rec.Partition)
		}
		p = &start
		r.parts[part] = p
	}
	if err := p.expect(rec); err != nil {
		return err
	}
	if rec.Offset < p.next {
		return nil
	}
	i, ok := r.index[part]
	if !ok {
		i = len(r.batch.Parts)
		r.index[part] = i
		r.batch.Parts = append(r.batch.Parts, change.Part{Topic: rec.Topic, Partition: rec.Partition, Shared: r.shared(rec.Topic), From: p.next, Before: p.mark})
	}
	if !rec.Attrs.IsControl() {
		if err := r.decode(rec, i, p); err != nil {
			return err
		}
	}
	p.next = rec.Offset + 1
	r.batch.Records++
	return nil
}
