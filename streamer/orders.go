package streamer

import (
	"context"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/change"
)

// order is what the applier asks of the reader: topics that are not to be read for
// now, or again, and partitions that are to be read again from an earlier position.
type order struct {
	pause, resume []string
	rewind        map[partition]position
}

// orders are those not carried out yet. Posting one ends the reader's poll, which
// may otherwise wait for a record for ever.
type orders struct {
	// mu guards what follows.
	mu   sync.Mutex
	list []order
	wake context.CancelFunc // of the poll under way; nil: none
}

func (o *orders) post(next order) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, next)
	if o.wake != nil {
		o.wake()
	}
}

// polling returns a context for a poll, which ends when an order comes, and the
// function to be called behind the poll.
func (o *orders) polling(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wake = cancel
	if len(o.list) > 0 {
		cancel()
	}
	return ctx, func() {
		o.mu.Lock()
		o.wake = nil
		o.mu.Unlock()
		cancel()
	}
}

func (o *orders) take() []order {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := o.list
	o.list = nil
	return list
}

// obey carries out orders. What was read of a partition beyond its new position is
// forgotten; it comes again.
func (r *reader) obey() {
	for _, o := range r.orders.take() {
		if len(o.pause) > 0 {
			r.client.PauseFetchTopics(o.pause...)
			r.reached("hold.paused")
		}
		if len(o.rewind) > 0 {
			r.rewind(o.rewind)
		}
		if len(o.resume) > 0 {
			r.reached("hold.resume")
			r.client.ResumeFetchTopics(o.resume...)
		}
	}
}

func (r *reader) rewind(to map[partition]position) {
	offsets := make(map[string]map[int32]kgo.EpochOffset)
	for part, pos := range to {
		if offsets[part.topic] == nil {
			offsets[part.topic] = make(map[int32]kgo.EpochOffset)
		}
		offsets[part.topic][part.id] = kgo.EpochOffset{Epoch: -1, Offset: pos.next}
		pos.again = true
		r.parts[part] = &pos
		if i, ok := r.index[part]; ok {
			r.letters.dropped(r.batch.Forget(i))
			delete(r.index, part)
		}
	}
	kept := r.pending[:0:0]
	for _, rec := range r.pending {
		if _, ok := to[partition{rec.Topic, rec.Partition}]; !ok {
			kept = append(kept, rec)
		}
	}
	r.pending = kept
	r.client.SetOffsets(offsets)
}

// expect checks the first record of a partition that is read again: it was there
// before, so that another in its place means that the client reads from elsewhere,
// or that the log has lost it. Either is for a new run to find out.
func (p *position) expect(rec *kgo.Record) error {
	if !p.again || rec.Offset < p.next {
		return nil
	}
	if rec.Offset > p.next {
		return fmt.Errorf("topic %s, partition %d: offset %d was to be read again, and offset %d came", rec.Topic, rec.Partition, p.next, rec.Offset)
	}
	p.again = false
	return nil
}

// positionOf is where a partition of a batch begins.
func positionOf(p *change.Part) position { return position{next: p.From, mark: p.Before} }
