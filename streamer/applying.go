package streamer

import (
	"context"
	"errors"
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
	letters  *letters
	replay   *replay // under way; nil: none
}

// open connects an applier.
func (a *applying) open(ctx context.Context) error {
	applier, err := warehouse.Open(ctx, a.opt.Warehouse, warehouse.Options{
		Source: a.source.Name, Stream: a.stream, Log: a.log, Reached: a.opt.Reached,
	})
	if err != nil {
		return err
	}
	if a.applier != nil {
		a.applier.Close(ctx)
	}
	a.applier = applier
	a.opt.Reached("open.after")
	return nil
}

// run writes batches until something fails or ctx ends. Dead letters that are to
// be replayed take turns with them.
func (a *applying) run(ctx context.Context, r *reader) error {
	for {
		b, err := a.wait(ctx, r.out)
		if err != nil {
			return err
		}
		if b != nil {
			if err := a.take(ctx, b); err != nil {
				return err
			}
			select {
			case r.free <- b:
			default:
			}
		}
		if err := a.replaySome(ctx); err != nil {
			return err
		}
	}
}

// wait returns the next batch, or nil when there is something to replay.
func (a *applying) wait(ctx context.Context, batches <-chan *change.Batch) (*change.Batch, error) {
	if a.replaying() {
		select {
		case b := <-batches:
			return b, nil
		case k := <-a.holds.freed:
			return nil, a.release(ctx, k)
		default:
			return nil, ctx.Err()
		}
	}
	select {
	case b := <-batches:
		return b, nil
	case k := <-a.holds.freed:
		return nil, a.release(ctx, k)
	case <-a.requests:
		if a.replay != nil {
			return nil, a.toTurn(ctx) // its end looks for more
		}
		return nil, a.attend(ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// attend takes up what statements have asked for.
func (a *applying) attend(ctx context.Context) error {
	if err := a.toTurn(ctx); err != nil {
		return err
	}
	if err := a.endInitial(ctx); err != nil {
		return err
	}
	return a.openReplay(ctx)
}

// take writes a batch and notes how far the source is.
func (a *applying) take(ctx context.Context, b *change.Batch) error {
	a.opt.Reached("batch.taken")
	if err := a.applyFree(ctx, b); err != nil {
		return err
	}
	a.opt.Reached("batch.applied")
	return a.letters.full()
}

// release goes on with a table that has waited.
func (a *applying) release(ctx context.Context, k holdKey) error {
	a.opt.Reached("hold.freed")
	if err := a.applier.Reload(ctx, k.schema, k.table); err != nil {
		return fmt.Errorf("read table %s again: %w", k.tableKey, err)
	}
	a.holds.release(k)
	return nil
}

// applyFree writes what of a batch need not wait.
func (a *applying) applyFree(ctx context.Context, b *change.Batch) error {
	kept, left := a.holds.fresh(b)
	a.leave(left)
	return a.applyRest(ctx, kept)
}

// applyRest does so with a batch whose partitions stand where it begins.
func (a *applying) applyRest(ctx context.Context, b *change.Batch) error {
	kept, left := a.holds.withhold(b)
	a.leave(left)
	for i := range kept.Parts {
		if kept.Parts[i].Next != kept.Parts[i].From {
			return a.apply(ctx, kept)
		}
	}
	return nil
}

// leave gives up a part of a batch that comes again.
func (a *applying) leave(b *change.Batch) {
	if b != nil {
		a.letters.dropped(len(b.Dead))
	}
}

// apply writes a batch. When an event of it is at fault, the batch is halved down
// to that event, which becomes a dead letter; when a table is, or must wait, this
// table's topics are held. The others go on.
func (a *applying) apply(ctx context.Context, b *change.Batch) error {
	look := a.lookForBlockers(ctx)
	stats, rest, err := a.applier.Apply(ctx, b)
	blockers := look()
	a.applied(b, rest, stats, err)
	if err == nil || rest == nil {
		return err
	}
	var pending *warehouse.Pending
	if errors.As(err, &pending) {
		a.holds.change(a.stream, pending)
		return a.applyRest(ctx, rest)
	}
	var noKey *warehouse.KeyWait
	if errors.As(err, &noKey) {
		a.holds.key(noKey)
		return a.applyRest(ctx, rest)
	}
	if table, ok := warehouse.LockWait(err); ok {
		if err := a.open(ctx); err != nil {
			return err
		}
		a.holds.lock(table, blockers)
		return a.applyRest(ctx, rest)
	}
	table, tableFault := warehouse.TableFault(err)
	if !tableFault && !warehouse.IsEventFault(err) {
		return err
	}
	if openErr := a.open(ctx); openErr != nil {
		return openErr
	}
	if tableFault {
		// Reading the layout anew, as opening has done, is the remedy if somebody has
		// changed the table, once.
		k := tableKey{table.Schema, table.Table}
		if t, _ := a.holds.whole(k); t.reloaded {
			a.holds.fail(k, err)
		} else {
			t.reloaded = true
		}
		return a.applyRest(ctx, rest)
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
	return a.applyFree(ctx, tail)
}

// applied notes what was written of a batch: all but the rest, if it is known.
func (a *applying) applied(b, rest *change.Batch, stats warehouse.Stats, err error) {
	if err != nil && (rest == nil || rest == b) {
		return
	}
	counts, events := b.Counts(), b.Events
	if rest != nil {
		counts.Subtract(rest.Counts())
		events = events[:len(events)-len(rest.Events)]
	} else {
		for i := range b.Parts {
			part := partition{b.Parts[i].Topic, b.Parts[i].Partition}
			a.consumer.applied(part, b.Parts[i].Next)
			a.report.passed(part, b.Parts[i].Next)
		}
	}
	letters := len(b.Dead)
	if rest != nil {
		letters -= len(rest.Dead)
	}
	a.letters.wrote(letters)
	a.holds.applied(events)
	a.report.applied(events, counts)
	a.note(stats, counts)
}

// note logs what was applied.
func (a *applying) note(stats warehouse.Stats, counts change.Counts) {
	if stats.Missing > 0 {
		a.log.Warn("values that the source did not send are not known: stored as NULL",
			"source", a.source.Name, "values", stats.Missing)
	}
	a.log.Debug("checkpoint", "source", a.source.Name, "events", stats.Events,
		"versions", stats.Versions, "closed", stats.Closed, "unchanged", stats.Unchanged, "tombstones", counts.Tombstones,
		"ignored", counts.Ignored, "filtered", counts.Filtered, "repeated", counts.Repeated)
}

// setAside stores the only event of b as a dead letter, with the record as it is
// in Kafka: decoding has kept no copy of it.
func (a *applying) setAside(ctx context.Context, b *change.Batch, reason error) error {
	a.opt.Reached("aside.before")
	ev := &b.Events[0]
	part := b.Parts[ev.Part]
	if err := a.letters.admit(partition{part.Topic, part.Partition}, ev.Offset, reason); err != nil {
		return err
	}
	rec, err := a.consumer.fetch(ctx, part.Topic, part.Partition, ev.Offset)
	if err != nil {
		return fmt.Errorf("read the record to set aside: %w", err)
	}
	a.log.Warn("event set aside", "source", a.source.Name, "table", ev.Target.Schema+"."+ev.Target.Table,
		"topic", part.Topic, "partition", part.Partition, "offset", ev.Offset, "reason", reason.Error())
	b.Dead = append(b.Dead, change.DeadLetter{
		Part: ev.Part, Offset: ev.Offset, Timestamp: rec.Timestamp.UnixMilli(),
		Schema: ev.Schema, Table: ev.Table, Key: rec.Key, Value: rec.Value, Reason: reason.Error(), Event: *ev,
	})
	b.Events = nil
	stats, _, err := a.applier.Apply(ctx, b)
	if err == nil {
		a.applied(b, nil, stats, nil)
	}
	return err
}
