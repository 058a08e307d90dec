package streamer

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/catalog"
	"metadb/change"
	"metadb/debezium"
	"metadb/warehouse"
)

// replayTurn is how many dead letters are replayed between two batches.
const replayTurn = 20

// replay is a request to bring back dead letters of a source. They are decoded
// and routed as if they came now, and applied in order of their ids, each in one
// transaction with its removal. So a replay that is broken off goes on where it
// was.
type replay struct {
	request *catalog.Request
	after   int64 // id of the last letter that was tried
	last    int64 // id of the last letter to try: those that come meanwhile stay
	reader  *reader

	event *change.Event // of the letter at hand; nil: none

	back, empty, kept int
	reason            string // of the last that was kept
}

// openReplay takes up the source's next request, if there is one.
func (a *applying) openReplay(ctx context.Context) error {
	request, err := a.opt.Catalog.TakeRequest(ctx, a.source.Name, catalog.RequestReplay)
	if err != nil || request == nil {
		return err
	}
	a.opt.Reached("replay.taken")
	last, err := a.opt.Catalog.LastDeadLetter(ctx, a.source.Name)
	if err != nil {
		return err
	}
	router, err := a.router(ctx)
	if err != nil {
		return err
	}
	a.log.Info("replaying dead letters", "source", a.source.Name, "request", request.ID)
	a.replay = &replay{request: request, last: last, reader: &reader{
		source: a.source.Name, router: router, log: a.log, shapes: debezium.NewShapes(),
		decoders:      make(map[string]*debezium.Decoder),
		nullBadValues: a.source.OnBadValue == catalog.BadValueNull,
	}}
	return nil
}

// replayAll finishes all requests of the source.
func (a *applying) replayAll(ctx context.Context) error {
	for {
		if err := a.openReplay(ctx); err != nil || a.replay == nil {
			return err
		}
		for a.replaying() {
			if err := a.replaySome(ctx); err != nil {
				return err
			}
		}
		if a.replay != nil {
			return nil // goes on when its table is free
		}
	}
}

// replaying says whether a replay is under way and need not wait for a table.
func (a *applying) replaying() bool {
	return a.replay != nil && (a.replay.event == nil || !a.holds.waits(a.replay.event))
}

// replaySome replays a few letters of the request under way, and ends it behind
// the last one.
func (a *applying) replaySome(ctx context.Context) error {
	if !a.replaying() {
		return nil
	}
	p := a.replay
	found, err := a.opt.Catalog.DeadLetters(ctx, a.source.Name, p.request.IDs, p.after, p.last, replayTurn)
	if err != nil {
		return err
	}
	for i := range found {
		if err := a.replayLetter(ctx, &found[i]); err != nil {
			return fmt.Errorf("replay dead letter %d: %w", found[i].ID, err)
		}
		if !a.replaying() {
			return nil // from this letter, when its table is free
		}
		p.after = found[i].ID
	}
	if len(found) == replayTurn {
		return nil
	}
	a.opt.Reached("replay.finish")
	if err := a.opt.Catalog.FinishRequest(ctx, p.request.ID, p.kept > 0, p.String()); err != nil {
		return err
	}
	a.log.Info("dead letters replayed", "source", a.source.Name, "request", p.request.ID,
		"applied", p.back, "empty", p.empty, "kept", p.kept)
	a.replay = nil
	return a.openReplay(ctx)
}

// String is the outcome, for the request's detail.
func (p *replay) String() string {
	s := fmt.Sprintf("%d of %d dead letters applied", p.back, p.back+p.empty+p.kept)
	if p.empty > 0 {
		s += fmt.Sprintf("; %d dropped, as there is nothing in them to apply", p.empty)
	}
	if p.kept > 0 {
		s += fmt.Sprintf("; %d kept, the last of them because: %s", p.kept, p.reason)
	}
	return s
}

// replayLetter decodes and applies one letter, or stores why it stays.
func (a *applying) replayLetter(ctx context.Context, l *catalog.DeadLetter) error {
	p := a.replay
	b, err := p.reader.again(l)
	if naming := (*namingError)(nil); errors.As(err, &naming) {
		return err
	}
	if err != nil {
		return a.keep(ctx, l, err)
	}
	if len(b.Events) == 0 {
		if err := a.opt.Catalog.DropDeadLetter(ctx, l.ID); err != nil {
			return err
		}
		p.empty++
		a.letters.resolved()
		return nil
	}
	if p.event = &b.Events[0]; a.holds.waits(p.event) {
		return nil
	}
	look := a.lookForBlockers(ctx)
	stats, err := a.applier.Replay(ctx, b, l.ID)
	blockers := look()
	if err == nil {
		p.back++
		a.letters.resolved()
		a.note(stats, b.Counts())
		return nil
	}
	var pending *warehouse.Pending
	if errors.As(err, &pending) {
		a.holds.change(a.stream, pending)
		return nil
	}
	var noKey *warehouse.KeyWait
	if errors.As(err, &noKey) {
		a.holds.key(noKey)
		return nil
	}
	if table, ok := warehouse.LockWait(err); ok {
		if err := a.open(ctx); err != nil {
			return err
		}
		a.holds.lock(table, blockers)
		return nil
	}
	if !isAnswer(err) {
		return err
	}
	if openErr := a.open(ctx); openErr != nil {
		return openErr
	}
	if errors.Is(err, warehouse.ErrNoLetter) {
		return nil
	}
	return a.keep(ctx, l, err)
}

// keep leaves a letter where it is, with the reason of now.
func (a *applying) keep(ctx context.Context, l *catalog.DeadLetter, reason error) error {
	a.replay.kept++
	a.replay.reason = reason.Error()
	return a.opt.Catalog.KeepDeadLetter(ctx, l.ID, reason.Error())
}

// again decodes a letter into a batch of its own, of one event or none. It counts
// as not seen before: that it was not applied is certain.
func (r *reader) again(l *catalog.DeadLetter) (*change.Batch, error) {
	r.batch = &change.Batch{
		Parts:  []change.Part{{Topic: l.Topic, Partition: l.Partition, From: l.Offset, Next: l.Offset}},
		Events: make([]change.Event, 1), Records: 1,
	}
	rec := &kgo.Record{
		Topic: l.Topic, Partition: l.Partition, Offset: l.Offset, Timestamp: l.RecordTime, Key: l.Key, Value: l.Value,
	}
	ev := &r.batch.Events[0]
	v, err := r.admit(rec, ev)
	ev.Offset = l.Offset
	if !v.apply {
		r.batch.Events = nil
	}
	return r.batch, err
}

// isAnswer says whether an error of a replay is about its letter: anything that
// trying again would not change. One letter must not hold up the stream.
func isAnswer(err error) bool {
	if warehouse.IsEventFault(err) || errors.Is(err, warehouse.ErrNoLetter) || errors.Is(err, warehouse.ErrOldKey) {
		return true
	}
	if _, ok := warehouse.TableFault(err); ok {
		return true
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || len(pg.Code) != 5 {
		return false
	}
	switch pg.Code[:2] {
	case "08", "25", "40", "53", "55", "57", "58": // connection, transaction state, conflict, resources, intervention, system
		return false
	}
	return true
}
