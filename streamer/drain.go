package streamer

import (
	"context"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/catalog"
)

// drainEvery is how often it is looked whether old topics are read.
const drainEvery = 100 * time.Millisecond

// drain knows which topics wait until those of before are read to their ends: where a
// source reads the topics of an old and of a new connector side by side, what the old
// ones still hold lies before the new snapshot (rule R15).
type drain struct {
	changed chan struct{}

	// mu guards what follows.
	mu    sync.Mutex
	since map[partition]int32
	later []string // topics that wait
}

func newDrain() *drain { return &drain{changed: make(chan struct{}, 1)} }

// order takes in all positions of the stream, and keeps the client from reading topics
// that came with a later synchronization than others.
func (d *drain) order(client *kgo.Client, stored map[partition]*catalog.Offset) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.since = make(map[partition]int32, len(stored))
	for part, o := range stored {
		d.since[part] = o.Since
	}
	before, _ := d.levels()
	topics := make(map[string]bool) // true: it waits
	for part, since := range d.since {
		if waits, known := topics[part.topic]; !known || waits {
			topics[part.topic] = since > before
		}
	}
	maps.DeleteFunc(topics, func(_ string, waits bool) bool { return !waits })
	if d.later = slices.Collect(maps.Keys(topics)); len(d.later) == 0 {
		return
	}
	client.PauseFetchTopics(d.later...)
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// levels are the lowest number of the partitions, and the next; equal where there is
// but one. The caller holds mu.
func (d *drain) levels() (before, next int32) {
	before, next = math.MaxInt32, math.MaxInt32
	for _, since := range d.since {
		before = min(before, since)
	}
	for _, since := range d.since {
		if since > before {
			next = min(next, since)
		}
	}
	if next == math.MaxInt32 {
		next = before
	}
	return before, next
}

// next is what is to be read before the topics that wait, and the number of those that
// come then; false: nothing waits.
func (d *drain) next() (first map[partition]bool, since int32, waits bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before, since := d.levels()
	first = make(map[partition]bool)
	for part, s := range d.since {
		if s == before {
			first[part] = true
		}
	}
	return first, since, since > before
}

// drained raises the partitions of lower numbers to one, and returns the topics that
// need not wait any longer.
func (d *drain) drained(since int32) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	for part, s := range d.since {
		d.since[part] = max(s, since)
	}
	var free []string
	d.later = slices.DeleteFunc(d.later, func(topic string) bool {
		for part, s := range d.since {
			if part.topic == topic && s <= since {
				free = append(free, topic)
				return true
			}
		}
		return false
	})
	return free
}

// draining lets topics that wait be read when those of before are.
type draining struct {
	*worker
	consumer *consumer
	stream   catalog.Stream
	orders   *orders
}

// run follows the positions until ctx ends.
func (g *draining) run(ctx context.Context) error {
	d := g.consumer.positions.drain
	defer g.report.table(drainName, "")
	for {
		select {
		case <-d.changed:
		case <-ctx.Done():
			return ctx.Err()
		}
		for {
			first, since, waits := d.next()
			if !waits {
				break
			}
			g.report.table(drainName, "new topics wait until what the old ones hold is read")
			if err := g.read(ctx, first); err != nil {
				return err
			}
			g.opt.Reached("drain.before")
			if err := g.opt.Catalog.Drained(ctx, g.source.Name, g.stream, since); err != nil {
				return err
			}
			g.opt.Reached("drain.after")
			g.log.Info("old topics are read; new ones follow", "source", g.source.Name)
			g.orders.post(order{resume: d.drained(since)})
		}
		g.report.table(drainName, "")
	}
}

// drainName is what the status calls this wait.
const drainName = "(new topics)"

// read waits until partitions are read to where they end when it begins. Topics that
// are gone, or that the source reads no longer, hold up nothing: now and then it is
// looked which are there.
func (g *draining) read(ctx context.Context, first map[partition]bool) error {
	var ends map[partition]int64
	var looked time.Time
	for {
		if ends == nil || time.Since(looked) > defaultEndsPause {
			there, err := g.consumer.readable(ctx)
			if looked = time.Now(); err != nil {
				g.log.Debug("cannot look at the old topics", "source", g.source.Name, "error", err.Error())
			} else {
				if ends == nil {
					ends = maps.Clone(there)
				}
				maps.DeleteFunc(ends, func(p partition, _ int64) bool {
					_, is := there[p]
					return !first[p] || !is
				})
			}
		}
		if ends != nil && g.consumer.lag.reached(ends) {
			return nil
		}
		if err := sleep(ctx, drainEvery); err != nil {
			return err
		}
	}
}
