package streamer

import (
	"context"
	"fmt"

	"metadb/catalog"
	"metadb/change"
	"metadb/warehouse"
)

// applying is the half of a run that writes: it hands the reader's batches to the
// warehouse, and sets aside single events that the warehouse cannot take.
type applying struct {
	*worker
	stream   catalog.Stream
	applier  *warehouse.Applier
	consumer *consumer
}

// open connects an applier.
func (a *applying) open(ctx context.Context) error {
	applier, err := warehouse.Open(ctx, a.opt.Warehouse, warehouse.Options{
		Source: a.source.Name, Stream: a.stream, Log: a.log, Reached: a.opt.Reached, Waiting: a.report.waiting,
	})
	if err != nil {
		return err
	}
	if a.applier != nil {
		a.applier.Close(ctx)
	}
	a.applier = applier
	return nil
}

// run writes batches until something fails or ctx ends.
func (a *applying) run(ctx context.Context, r *reader) error {
	for {
		var b *change.Batch
		select {
		case b = <-r.out:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := a.apply(ctx, b); err != nil {
			return err
		}
		for i := range b.Parts {
			a.consumer.applied(partition{b.Parts[i].Topic, b.Parts[i].Partition}, b.Parts[i].Next)
		}
		a.report.applied(len(b.Events), a.consumer.lag.total())
		select {
		case r.free <- b:
		default:
		}
	}
}

// apply writes a batch. When an event of it is at fault, the batch is halved down
// to that event, which becomes a dead letter; the others go on.
func (a *applying) apply(ctx context.Context, b *change.Batch) error {
	stats, rest, err := a.applier.Apply(ctx, b)
	a.note(b, stats)
	if err == nil || rest == nil || !warehouse.IsEventFault(err) {
		return err
	}
	if openErr := a.open(ctx); openErr != nil {
		return openErr
	}
	if len(rest.Events) == 0 {
		return err
	}
	if len(rest.Events) == 1 {
		return a.setAside(ctx, rest, err)
	}
	head, tail := rest.Split(len(rest.Events) / 2)
	if err := a.apply(ctx, head); err != nil {
		return err
	}
	return a.apply(ctx, tail)
}

// note logs what was applied.
func (a *applying) note(b *change.Batch, stats warehouse.Stats) {
	if stats.Missing > 0 {
		a.log.Warn("values that the source did not send are not known: stored as NULL",
			"source", a.source.Name, "values", stats.Missing)
	}
	a.log.Debug("checkpoint", "source", a.source.Name, "records", b.Records, "events", stats.Events,
		"versions", stats.Versions, "closed", stats.Closed, "unchanged", stats.Unchanged)
}

// setAside stores the only event of b as a dead letter, with the record as it is
// in Kafka: decoding has kept no copy of it.
func (a *applying) setAside(ctx context.Context, b *change.Batch, reason error) error {
	ev := &b.Events[0]
	part := b.Parts[ev.Part]
	rec, err := a.consumer.fetch(ctx, part.Topic, part.Partition, ev.Offset)
	if err != nil {
		return fmt.Errorf("read the record to set aside: %w", err)
	}
	a.log.Warn("event set aside", "source", a.source.Name, "table", ev.Target.Schema+"."+ev.Target.Table,
		"topic", part.Topic, "partition", part.Partition, "offset", ev.Offset, "reason", reason.Error())
	b.Dead = append(b.Dead, change.DeadLetter{
		Part: ev.Part, Offset: ev.Offset, Timestamp: rec.Timestamp.UnixMilli(),
		Schema: ev.Schema, Table: ev.Table, Key: rec.Key, Value: rec.Value, Reason: reason.Error(),
	})
	b.Events = nil
	_, _, err = a.applier.Apply(ctx, b)
	return err
}
