package streamer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
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

// decode adds the record's event to the batch, or its dead letter, or counts why
// it is neither. The error is that of a source which stops at a bad event.
func (r *reader) decode(rec *kgo.Record, part int, p *position) error {
	n := len(r.batch.Events)
	r.batch.Events = append(r.batch.Events, change.Event{})
	ev := &r.batch.Events[n]
	v, err := r.admit(rec, ev)
	if v.apply && !r.accept(ev, rec.Topic, p) {
		v = verdict{skip: change.Repeated}
	}
	if naming := (*namingError)(nil); errors.As(err, &naming) {
		r.batch.Events = r.batch.Events[:n]
		return err
	}
	if err != nil {
		err = r.bury(rec, ev, part, err)
	}
	if v.apply {
		ev.Part, ev.Offset = part, rec.Offset
		return err
	}
	r.batch.Events = r.batch.Events[:n]
	switch {
	case v.bad:
	case v.skip == change.Repeated:
		r.batch.SentAgain(part, rec.Offset, p.mark)
	default:
		skip := change.Skip{Part: int32(part), Reason: v.skip, Offset: rec.Offset}
		if ev.Op == change.Read && ev.Snapshot == change.LastOfSnapshot {
			skip.Last = &change.Event{Op: ev.Op, Snapshot: ev.Snapshot, Connector: ev.Connector, Pos: ev.Pos, TsMs: ev.TsMs}
		}
		r.batch.Skips = append(r.batch.Skips, skip)
	}
	return err
}

// verdict is what becomes of a record: its event is applied, or the record is bad,
// or skipped for a reason.
type verdict struct {
	apply, bad bool
	skip       change.SkipReason
}

// admit decodes the record and says what becomes of it. The error says why it is bad.
func (r *reader) admit(rec *kgo.Record, ev *change.Event) (verdict, error) {
	result, err := r.decodeRecord(r.decoder(rec.Topic), rec, ev)
	if err != nil {
		if ev.Table != "" && r.router.filtered(ev.Schema, ev.Table) {
			return verdict{skip: change.Filtered}, nil
		}
		return verdict{bad: true}, err
	}
	switch result {
	case debezium.Change:
	case debezium.Tombstone:
		return verdict{skip: change.Tombstone}, nil
	default:
		return verdict{skip: change.Ignored}, nil
	}
	if ev.Target, err = r.router.route(ev.Schema, ev.Table); err != nil {
		return verdict{bad: true}, err
	}
	if ev.Target == nil {
		return verdict{skip: change.Filtered}, nil
	}
	ev.KeyLost = ev.KeyShape == nil && damaged(ev)
	if err := validate(ev); err != nil {
		return verdict{bad: true}, err
	}
	return verdict{apply: true}, nil
}

// accept says whether an event is not one that was seen before.
func (r *reader) accept(ev *change.Event, topic string, p *position) bool {
	accept, before := p.mark.Accept, p.mark.CommitLSN
	if r.shared(topic) {
		accept = p.mark.AcceptShared
	}
	is := accept(ev)
	if after := p.mark.CommitLSN; after != 0 && after < before {
		r.log.Warn("the source was restored: its positions have gone back; rows that it has lost stay current until a resynchronization",
			"source", r.source, "topic", topic)
	}
	return is
}

// decoder is the topic's.
func (r *reader) decoder(topic string) *debezium.Decoder {
	d := r.decoders[topic]
	if d == nil {
		d = debezium.NewDecoder(debezium.Options{Shapes: r.shapes, Log: r.log, NullBadValues: r.nullBadValues})
		r.decoders[topic] = d
	}
	return d
}

// errDecoder is the reason of a dead letter that only a fault of ours explains.
var errDecoder = errors.New("the decoder failed on this record")

// decodeRecord decodes a record. What comes from a stream is hostile: should it
// find a fault of the decoder, then it ends among the dead letters, not the server.
func (r *reader) decodeRecord(d *debezium.Decoder, rec *kgo.Record, ev *change.Event) (result debezium.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("decoder panicked", "source", r.source, "topic", rec.Topic, "partition", rec.Partition,
				"offset", rec.Offset, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			delete(r.decoders, rec.Topic)
			*ev = change.Event{}
			err = errDecoder
		}
	}()
	result, err = d.Decode(rec.Key, rec.Value, &r.batch.Arena, ev)
	if err != nil || result != debezium.Change || ev.Op != change.Create || ev.KeyShape == nil {
		return result, err
	}
	for _, h := range rec.Headers {
		if h.Key == debezium.OldKeyHeader {
			ev.OldKey = d.OldKey(rec.Key, h.Value, &r.batch.Arena)
		}
	}
	return result, nil
}

// Source times that history can hold: its partitions are years.
const (
	minTsMs = 0               // 1970
	maxTsMs = 253370764800000 // 9999
)

// validate refuses events that no table could take.
func validate(ev *change.Event) error {
	switch {
	case ev.TsMs < minTsMs || ev.TsMs >= maxTsMs:
		return errors.New("source.ts_ms lies outside the years 1970 to 9998")
	case ev.Target.Table == "":
		return errors.New("the source names no table")
	case ev.KeyShape == nil && ev.Before == nil && ev.Op == change.Delete:
		return errors.New("the event has neither a key nor the row before the change")
	}
	return nil
}

// bury puts the record among the dead letters of the batch, if it may.
func (r *reader) bury(rec *kgo.Record, ev *change.Event, part int, reason error) error {
	if err := r.letters.admit(partition{rec.Topic, rec.Partition}, rec.Offset, reason); err != nil {
		return err
	}
	r.dead += len(rec.Key) + len(rec.Value)
	if ev.Target == nil && ev.Table != "" {
		ev.Target, _ = r.router.route(ev.Schema, ev.Table) // an error is the reason of another letter
	}
	r.log.Warn("event set aside", "source", r.source, "topic", rec.Topic, "partition", rec.Partition,
		"offset", rec.Offset, "reason", reason.Error())
	r.batch.Dead = append(r.batch.Dead, change.DeadLetter{
		Part: part, Offset: rec.Offset, Timestamp: rec.Timestamp.UnixMilli(),
		Schema: ev.Schema, Table: ev.Table, Key: rec.Key, Value: rec.Value, Reason: reason.Error(), Event: *ev,
	})
	return nil
}
