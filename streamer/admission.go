package streamer

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/change"
	"metadb/debezium"
)

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
