package streamer

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"metadb/catalog"
	"metadb/change"
	"metadb/warehouse"
)

// tableKey names a table of the warehouse.
type tableKey struct{ schema, table string }

func keyOf(t *change.Target) tableKey { return tableKey{t.Schema, t.Table} }

// String is the name as people read it.
func (k tableKey) String() string { return k.schema + "." + k.table }

// holdKey names a hold: that of a table, or only that of its events that come
// without its key. The two do not wait for each other: the others bring the key.
type holdKey struct {
	tableKey
	keyless bool
}

// String is what tells holds apart in the status.
func (k holdKey) String() string {
	if k.keyless {
		return k.tableKey.String() + " (key)"
	}
	return k.tableKey.String()
}

// holds are the tables of a source that wait: for the locks of a schema change or
// of a batch, for their key (rule R12), or
// for somebody to remove an error (rules R6, R7). The topics that feed such a table
// are paused, their partitions cut before its first event, and read again from
// there once the table is free; nothing of them is kept in memory meanwhile. All
// others go on. Whole topics are paused, not partitions: else truncates and changes
// that the source wrote together would come apart by as long as the wait is.
//
// Holds outlive a run, so that a change under way is not begun again. They belong
// to the goroutine that applies.
type holds struct {
	worker *worker
	ctx    context.Context // of the worker
	group  sync.WaitGroup
	freed  chan holdKey
	tables map[holdKey]*hold

	// Of the present run.
	orders *orders
	cut    map[partition]int64 // partitions that are to come again from there
}

// hold is one table that waits, or has waited and not had an event since.
type hold struct {
	waits    bool
	waited   bool
	reloaded bool // an error of the table was answered by reading its layout again
	topics   map[string]bool
	pauses   *backoff.ExponentialBackOff
}

func newHolds(ctx context.Context, w *worker) *holds {
	return &holds{worker: w, ctx: ctx, freed: make(chan holdKey), tables: make(map[holdKey]*hold)}
}

// begin prepares for a run, which reads everything from the stored positions.
func (h *holds) begin(o *orders) {
	h.orders, h.cut = o, make(map[partition]int64)
	for _, t := range h.tables {
		clear(t.topics)
	}
}

// whole is the hold of all of a table.
func (h *holds) whole(k tableKey) (*hold, holdKey) {
	return h.of(holdKey{tableKey: k}), holdKey{tableKey: k}
}

func (h *holds) of(k holdKey) *hold {
	t := h.tables[k]
	if t == nil {
		t = &hold{topics: make(map[string]bool), pauses: backoff.NewExponentialBackOff()}
		t.pauses.InitialInterval, t.pauses.MaxInterval = time.Second, 30*time.Second
		h.tables[k] = t
	}
	return t
}

// waits says whether an event is not to be applied now.
func (h *holds) waits(ev *change.Event) bool {
	_, held := h.holding(ev)
	return held != nil
}

// holding is the hold for which an event waits; nil: none.
func (h *holds) holding(ev *change.Event) (holdKey, *hold) {
	k := holdKey{tableKey: keyOf(ev.Target)}
	if t := h.tables[k]; t != nil && t.waits {
		return k, t
	}
	k.keyless = true
	if t := h.tables[k]; ev.KeyLost && t != nil && t.waits {
		return k, t
	}
	return k, nil
}

// change holds a table until its schema change is made, which goes on beside the
// run.
func (h *holds) change(stream catalog.Stream, p *warehouse.Pending) {
	k := holdKey{tableKey: tableKey{p.Schema, p.Table}}
	if h.wait(k, p.Error()) {
		h.group.Go(func() {
			h.guarded(func() { h.worker.makeChange(h.ctx, stream, k, p) })
			h.worker.opt.Reached("hold.made")
			h.free(k)
		})
	}
}

// wait begins a wait, and shows it; false: the table waits already.
func (h *holds) wait(k holdKey, reason string) bool {
	t := h.of(k)
	if t.waits {
		return false
	}
	t.waits, t.waited = true, true
	h.worker.report.table(k.String(), reason)
	h.worker.log.Warn("table waits", "source", h.worker.source.Name, "table", k.tableKey.String(), "reason", reason)
	return true
}

// lock holds a table until somebody has given up a lock on it.
func (h *holds) lock(e *warehouse.TableError, blockers []int32) {
	t, k := h.whole(tableKey{e.Schema, e.Table})
	pause := t.pauses.NextBackOff()
	if h.wait(k, e.LockReason(blockers)) {
		h.group.Go(func() {
			h.guarded(func() { h.worker.awaitLock(h.ctx, k, pause) })
			h.free(k)
		})
	}
}

// key holds the events of a table that come without its key until it is known.
func (h *holds) key(w *warehouse.KeyWait) {
	k := holdKey{tableKey: tableKey{w.Schema, w.Table}, keyless: true}
	if h.wait(k, w.Error()) {
		h.group.Go(func() {
			h.guarded(func() { h.worker.awaitKey(h.ctx, k) })
			h.free(k)
		})
	}
}

// fail holds a table for an error that lies in it, for a while.
func (h *holds) fail(table tableKey, err error) {
	t, k := h.whole(table)
	t.waits, t.waited = true, true
	pause := t.pauses.NextBackOff()
	h.worker.report.table(k.String(), "table "+k.String()+" waits: "+err.Error())
	h.worker.log.Error("table waits", "source", h.worker.source.Name, "table", k.String(), "error", err.Error(),
		"retry_in", pause.Round(time.Millisecond).String())
	h.group.Go(func() {
		if sleep(h.ctx, pause) == nil {
			h.free(k)
		}
	})
}

// free says that a table need not wait any longer.
func (h *holds) free(k holdKey) {
	select {
	case h.freed <- k:
	case <-h.ctx.Done():
	}
}

// release lets the topics of a table be read again, but for those that another
// table holds.
func (h *holds) release(k holdKey) {
	t := h.tables[k]
	if t == nil {
		return
	}
	t.waits = false
	topics := maps.Clone(t.topics)
	clear(t.topics)
	for _, other := range h.tables {
		for topic := range other.topics {
			delete(topics, topic)
		}
	}
	if len(topics) > 0 {
		h.orders.post(order{resume: slices.Collect(maps.Keys(topics))})
	}
}

// applied forgets the tables that have waited and had an event now.
func (h *holds) applied(events []change.Event) {
	if len(h.tables) == 0 {
		return
	}
	var last *change.Target
	var keyless bool
	for i := range events {
		ev := &events[i]
		if ev.Target == last && ev.KeyLost == keyless {
			continue
		}
		last, keyless = ev.Target, ev.KeyLost
		h.forget(holdKey{tableKey: keyOf(last)})
		if keyless {
			h.forget(holdKey{keyOf(last), true})
		}
	}
}

// forget ends a hold that no longer waits.
func (h *holds) forget(k holdKey) {
	t := h.tables[k]
	if t == nil || t.waits {
		return
	}
	delete(h.tables, k)
	h.worker.report.table(k.String(), "")
	if t.waited {
		h.worker.log.Info("table goes on", "source", h.worker.source.Name, "table", k.tableKey.String())
	}
}

// fresh leaves out of a batch what was read of partitions before they were cut.
func (h *holds) fresh(b *change.Batch) (kept, left *change.Batch) {
	if len(h.cut) == 0 {
		return b, nil
	}
	cut := b.Ends()
	stale := false
	for i := range b.Parts {
		p := &b.Parts[i]
		part := partition{p.Topic, p.Partition}
		switch at, ok := h.cut[part]; {
		case !ok:
		case at == p.From:
			delete(h.cut, part)
		default:
			cut[i], stale = p.From, true
		}
	}
	if !stale {
		return b, nil
	}
	return b.Cut(cut)
}

// withhold cuts the partitions of a batch before the first event that waits, pauses
// their topics, and has them read again from there.
func (h *holds) withhold(b *change.Batch) (kept, left *change.Batch) {
	if len(h.tables) == 0 {
		return b, nil
	}
	kept, left, found := b.Before(h.waits)
	if len(found) == 0 {
		return b, nil
	}
	o := order{rewind: make(map[partition]position)}
	for _, f := range found {
		p := &left.Parts[f.Part]
		part := partition{p.Topic, p.Partition}
		o.rewind[part] = positionOf(p)
		h.cut[part] = p.From
		_, held := h.holding(f.Event)
		held.topics[p.Topic] = true
		o.pause = append(o.pause, p.Topic)
	}
	h.worker.opt.Reached("hold.cut")
	h.orders.post(o)
	return kept, left
}
