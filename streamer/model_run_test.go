package streamer

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/catalog"
)

// modelRun is a run of the streamer without its Kafka client.
type modelRun struct {
	*modelBed
	ctx      context.Context // ends with the run
	cancel   context.CancelFunc
	applying *applying
	reader   *reader
	crashAt  int // points of the program to be passed before the crash; below 0: none
}

// errCrash is what a run dies of.
type errCrash struct{ point string }

// reached dies at the chosen point. Inside of COPY another goroutine passes.
func (r *modelRun) reached(point string) {
	if r.crashAt < 0 || point == "copy.inside" {
		return
	}
	if r.crashAt--; r.crashAt < 0 {
		panic(errCrash{point})
	}
}

// start begins a run from the stored positions.
func (b *modelBed) start(shared map[string]bool) (*modelRun, error) {
	r := &modelRun{modelBed: b, crashAt: -1}
	if err := r.begin(b.source, r.reached, nil); err != nil {
		return nil, err
	}
	c := r.applying.consumer
	for topic := range shared {
		c.positions.shared.Store(topic, true)
	}
	stored, err := c.positions.stored(r.ctx)
	if err != nil {
		return nil, err
	}
	for part, o := range stored {
		c.start[part] = position{next: o.Next, mark: markOf(*o)}
	}
	return r, nil
}

// begin makes the parts of a run of a source, without partitions. turn, if not nil, is
// called where a worker begins and cancels synchronizations.
func (r *modelRun) begin(source catalog.Source, reached func(string), turn func(*worker, catalog.Stream) (catalog.Stream, error)) error {
	r.ctx, r.cancel = context.WithCancel(r.Context())
	log := slog.New(slog.DiscardHandler)
	stream, err := r.cat.OpenStream(r.ctx, source)
	if err != nil {
		return err
	}
	letters, err := newLetters(source)
	if err != nil {
		return err
	}
	w := newWorker(Options{Catalog: r.cat, Warehouse: r.config, Log: log, Reached: reached}, source, nil, nil)
	w.holds = newHolds(r.ctx, w)
	w.holds.begin(&orders{})
	if turn != nil {
		if stream, err = turn(w, stream); err != nil {
			return err
		}
	}
	router, err := w.router(r.ctx)
	if err != nil {
		return err
	}
	c := &consumer{source: source, log: log, lag: newLagMeter(), leaving: func() bool { return false }, reached: reached, start: make(map[partition]position), done: make(map[partition]int64)}
	c.positions = &positions{catalog: r.cat, source: source.Name, stream: stream}
	r.applying = &applying{worker: w, stream: stream, letters: letters, consumer: c}
	r.reader = c.reader(router, letters, 500)
	return r.applying.open(r.ctx)
}

// stop ends the run, and what it has begun beside.
func (r *modelRun) stop() {
	if r.applying != nil && r.applying.applier != nil {
		r.applying.applier.Close(r.Context())
	}
	r.cancel()
}

// batch reads and applies records; over says that the run has ended, by a crash or
// because a table has waited: what comes next is told by the stored positions.
func (r *modelRun) batch(records []*kgo.Record) (over bool, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case errCrash:
			over = true
		default:
			panic(p)
		}
	}()
	r.reader.next()
	for _, rec := range records {
		if err := r.reader.take(rec); err != nil {
			return false, err
		}
	}
	if r.reader.batch.Records == 0 {
		return false, nil
	}
	r.reader.seal()
	if err := r.applying.take(r.ctx, r.reader.batch); err != nil {
		return false, err
	}
	for k, t := range r.applying.holds.tables {
		for over = over || t.waits; t.waits; {
			if err := r.applying.release(r.ctx, <-r.applying.holds.freed); err != nil {
				return false, fmt.Errorf("table %s waits: %w", k, err)
			}
		}
	}
	return over, nil
}
