package streamer

import (
	"context"
	"errors"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"metadb/catalog"
	"metadb/warehouse"
)

// syncRun is a run with the partitions that it reads, and what its batch holds.
type syncRun struct {
	*modelRun
	prefix string      // of the topics; of two connectors: theirs
	taken  []partition // of the batch's records, in order
}

// reached dies at the chosen point. Inside of COPY another goroutine passes.
func (d *syncDrive) reached(point string) {
	if point == "copy.inside" {
		return
	}
	if d.ending != nil {
		d.beside(point)
	}
	if rival := d.rival; rival != nil && strings.HasPrefix(point, "turn.") && rapid.Bool().Draw(d.rt, "rival") {
		d.rival = nil
		rival()
	}
	if d.crashAt < 0 {
		return
	}
	if d.crashAt--; d.crashAt < 0 {
		d.rt.Logf("dies at %s", point)
		panic(errCrash{point})
	}
}

// dying runs f, which may die; over says that it has.
func (d *syncDrive) dying(f func()) (over bool) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case errCrash:
			over = true
		default:
			panic(p)
		}
	}()
	f()
	return false
}

// start begins a run, again and again until it does not die.
func (d *syncDrive) start() {
	for d.dying(d.tryStart) {
		d.present.stop()
		d.check(d.settled())
	}
}

func (d *syncDrive) tryStart() {
	sources, err := d.cat.Sources(d.Context())
	d.check(err)
	r := &syncRun{modelRun: &modelRun{modelBed: d.modelBed}, prefix: d.named}
	d.present = r
	var filled bool
	d.check(d.pool.QueryRow(d.Context(), "SELECT EXISTS (SELECT FROM metadb.table_owner)").Scan(&filled))
	err = r.begin(sources[0], d.reached, func(w *worker, st catalog.Stream) (catalog.Stream, error) {
		d.want.alter(r.prefix, filled, d.source.ends(d.want.stream))
		ends := d.source.ends(r.prefix)
		w.ends = func(context.Context) ([]catalog.Boundary, error) { return ends, nil }
		st, err := w.turn(d.Context(), st)
		if d.present == r {
			d.want.turn(ends)
		}
		return st, err
	})
	if d.present != r { // another run has begun meanwhile
		r.stop()
		return
	}
	d.check(err)
	d.check(d.place(r))
}

// race begins a run beside which another begins, and reads, before it has brought the
// generation to what is asked for.
func (d *syncDrive) race() {
	d.present.stop()
	d.rival = func() {
		d.start()
		d.batch()
	}
	d.start()
	d.rival = nil
}

func (d *syncDrive) stopAll() {
	for _, r := range append(d.zombies, d.present) {
		r.stop()
	}
}

// place gives a run the partitions that it has not got yet.
func (d *syncDrive) place(r *syncRun) error {
	c := r.applying.consumer
	if c.positions.drain == nil {
		c.positions.drain = newDrain()
	}
	fresh := slices.DeleteFunc(d.source.ends(r.prefix), func(e catalog.Boundary) bool {
		_, there := c.start[partition{e.Topic, e.Partition}]
		return there
	})
	if len(fresh) == 0 {
		return nil
	}
	stored, err := c.positions.stored(d.Context())
	if err != nil {
		return err
	}
	since, err := c.positions.since(d.Context(), stored)
	if err != nil {
		return err
	}
	var moved []catalog.Offset
	for _, e := range fresh {
		part := partition{e.Topic, e.Partition}
		o, _, changed := startAt(part, stored[part], -1, logRange{id: e.TopicID, start: 0, end: e.From})
		if stored[part] == nil {
			o.Since = since
		}
		if changed {
			moved = append(moved, o)
		}
		stored[part] = &o
		c.start[part] = position{next: o.Next, mark: markOf(o)}
		c.lag.place(part, o.Next)
		if len(d.source.topics[e.Topic]) > 1 {
			c.positions.shared.Store(e.Topic, true)
		}
	}
	c.positions.drain.since = make(map[partition]int32)
	for part, o := range stored {
		c.positions.drain.since[part] = o.Since
	}
	if len(moved) == 0 {
		return nil
	}
	return d.cat.PlaceOffsets(d.Context(), "s", r.applying.stream, moved, nil)
}

// first are the partitions that must be read before others; nil: there are none.
func (d *syncDrive) first(r *syncRun) map[partition]bool {
	for drain := r.applying.consumer.positions.drain; ; {
		first, since, waits := drain.next()
		if !waits {
			return nil
		}
		for _, e := range d.source.ends(r.prefix) {
			if p := (partition{e.Topic, e.Partition}); first[p] && d.want.read[p] < e.From {
				return first
			}
		}
		d.check(d.cat.Drained(d.Context(), "s", r.applying.stream, since))
		drain.drained(since)
	}
}

// restart begins a new run. The old one ends, or lives on with a batch in its hands.
func (d *syncDrive) restart() {
	old := d.present
	if len(d.zombies) < 2 && rapid.Bool().Draw(d.rt, "lives on") {
		d.take(old, 5)
		d.zombies = append(d.zombies, old)
	} else {
		old.stop()
	}
	d.start()
}

// strike lets a run that was replaced try to commit what it had read.
func (d *syncDrive) strike() {
	if len(d.zombies) == 0 {
		return
	}
	z := d.zombies[0]
	d.zombies = d.zombies[1:]
	defer z.stop()
	crash := d.crashAt
	d.crashAt = -1
	if z.reader.batch.Records > 0 {
		if _, _, err := z.applying.applier.Apply(d.Context(), z.reader.batch); !errors.Is(err, warehouse.ErrFenced) {
			d.rt.Fatalf("a run that was replaced has written: %v", err)
		}
	}
	d.crashAt = crash
	d.compare("after a run that was replaced has come back")
}

// take reads records into a run's batch, as many as n at most.
func (d *syncDrive) take(r *syncRun, n int) {
	r.reader.next()
	r.taken = nil
	d.check(d.place(r))
	first := d.first(r)
	var open []partition
	next, end := make(map[partition]int64), make(map[partition]int64)
	for _, e := range d.source.ends(r.prefix) {
		p := partition{e.Topic, e.Partition}
		next[p], end[p] = r.applying.consumer.start[p].next, e.From
		if known := r.reader.parts[p]; known != nil {
			next[p] = known.next
		}
		if next[p] < end[p] && (first == nil || first[p]) {
			open = append(open, p)
		}
	}
	for n > 0 && len(open) > 0 {
		i := rapid.IntRange(0, len(open)-1).Draw(d.rt, "read partition")
		p := open[i]
		for range rapid.IntRange(1, 3).Draw(d.rt, "run") {
			if n > 0 && next[p] < end[p] {
				_, rec := d.source.record(p, next[p])
				d.check(r.reader.take(rec))
				r.taken = append(r.taken, p)
				next[p]++
				n--
			}
		}
		if next[p] == end[p] {
			open = slices.Delete(open, i, i+1)
		}
	}
	r.reader.seal()
}

// batch reads and applies some records; false when there are none. What a run that died
// has applied the stored positions say.
func (d *syncDrive) batch() bool {
	r := d.present
	d.take(r, rapid.IntRange(1, 12).Draw(d.rt, "batch"))
	if len(r.taken) == 0 {
		return false
	}
	over := d.dying(func() { d.check(r.applying.take(r.ctx, r.reader.batch)) })
	if over {
		r.stop()
		d.check(d.settled())
	}
	var stored map[partition]*catalog.Offset
	if over {
		var err error
		stored, err = r.applying.consumer.positions.stored(d.Context())
		d.check(err)
	}
	for _, p := range r.taken {
		if !over || d.want.read[p] < stored[p].Next {
			e, _ := d.source.record(p, d.want.read[p])
			d.rt.Logf("applied %s/%d %d: %v, snapshot %s", p.topic, p.id, d.want.read[p], e, e.snapshot)
			d.want.take(e, p)
			if d.ending != nil {
				d.ending.touch(e, d.want)
			}
		}
	}
	if over {
		d.start()
	}
	return true
}
