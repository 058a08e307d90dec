package streamer

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"metadb/catalog"
	"metadb/change"
	"metadb/warehouse"
)

// worker streams one source: run after run, each from the stored positions, with
// a growing pause after those that failed.
type worker struct {
	opt     Options
	source  catalog.Source
	origins []string
	limit   int           // records in a batch
	maxWait time.Duration // of schema changes, for locks
	keyWait time.Duration // of events that have lost their key
	sync    syncSettings
	told    bool // that the source synchronizes
	log     *slog.Logger
	report  *report
	repeats *repeats
	holds   *holds // tables that wait; made by run

	// requests wakes the worker when the catalog may hold a request for it.
	requests chan struct{}
	// endsyncs does so with what ends synchronizations, signals with what asks
	// connectors for snapshots.
	endsyncs, signals chan struct{}

	// ends finds the partitions of all topics that the source reads, with where they
	// end: topicEnds, but for tests without a broker.
	ends func(context.Context) ([]catalog.Boundary, error)

	// quiet is the moment before which brokers that refused us are not asked again.
	quiet time.Time
	// signIn is the gate of the last run, nil before it has one.
	signIn *gate

	// leaving says that the source is gone, so that nobody takes over its place in the
	// group.
	leaving atomic.Bool
}

// Bounds of checkpoint_segment_size, the records in a batch.
const (
	defaultBatch = 3000
	maxBatch     = 50_000
)

func newWorker(opt Options, source catalog.Source, origins []string, config map[string]string) *worker {
	limit, err := strconv.Atoi(config["checkpoint_segment_size"])
	if err != nil || limit < 1 {
		limit = defaultBatch
	}
	w := &worker{
		maxWait: milliseconds(config, "schema_change_max_wait", defaultMaxWait),
		keyWait: milliseconds(config, "key_max_wait", defaultKeyWait),
		opt:     opt, source: source, origins: origins, limit: min(limit, maxBatch), log: opt.Log,
		report:   newReport(opt.Catalog, source.Name, opt.Log),
		repeats:  newRepeats(opt.Log),
		requests: make(chan struct{}, 1), endsyncs: make(chan struct{}, 1), signals: make(chan struct{}, 1),
		sync: syncSettingsOf(config),
	}
	w.ends = w.topicEnds
	return w
}

// defaultRefusedPause is the least pause after the brokers refused us: a wrong
// password that is tried again and again locks the account.
const defaultRefusedPause = 5 * time.Second

// healthy is how long a run must have lasted for the next pause to be short again.
const healthy = 30 * time.Second

// run streams until ctx ends.
func (w *worker) run(ctx context.Context) {
	var group errgroup.Group
	group.Go(func() error { w.report.run(ctx); return nil })
	group.Go(func() error { w.endsyncAll(ctx); return nil })
	group.Go(func() error { w.signalAll(ctx); return nil })
	defer func() { _ = group.Wait() }()
	w.holds = newHolds(ctx, w)
	defer w.holds.group.Wait()
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 100*time.Millisecond, 30*time.Second
	for {
		if sleep(ctx, time.Until(w.quiet)) != nil {
			return
		}
		began := time.Now()
		w.report.state(catalog.StateStarting, "")
		err := w.guarded(ctx, w.runOnce)
		if ctx.Err() != nil {
			if w.signIn != nil && w.signIn.unsure() { // a statement came before their answer
				w.quiet = time.Now().Add(w.opt.refusedPause)
			}
			return
		}
		if errors.Is(err, errTurn) {
			continue
		}
		if time.Since(began) > healthy {
			b.Reset()
			w.repeats.forget()
		}
		pause := b.NextBackOff()
		if errors.Is(err, catalog.ErrNoSource) { // dropped; this worker will be told
			if w.pause(ctx, pause) != nil {
				return
			}
			continue
		}
		if lasting(err) {
			pause = max(pause, w.opt.refusedPause)
			w.quiet = time.Now().Add(w.opt.refusedPause)
		}
		w.repeats.tell(slog.LevelError, "stream interrupted", err, "source", w.source.Name, "retry_in", pause.Round(time.Millisecond).String())
		w.report.failed(err)
		if w.pause(ctx, pause) != nil {
			return
		}
	}
}

// pause waits between two runs. A request ends it early: it may remove what the
// last run failed for.
func (w *worker) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-w.requests:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wake makes the worker look for requests.
func (w *worker) wake() {
	for _, c := range []chan struct{}{w.requests, w.endsyncs, w.signals} {
		w.wakeOne(c)
	}
}

func (w *worker) wakeOne(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// router makes a router of the source's options, for one run.
func (w *worker) router(ctx context.Context) (*router, error) {
	names := warehouse.NewNames(w.opt.Catalog, w.source.Name, w.log)
	return newRouter(w.source, w.origins, func(want change.Target, from warehouse.SourceTable) (change.Target, error) {
		return names.Resolve(ctx, want, from)
	})
}

// runOnce streams from the stored positions until something fails or ctx ends.
func (w *worker) runOnce(ctx context.Context) error {
	router, err := w.router(ctx)
	if err != nil {
		return err
	}
	letters, err := newLetters(w.source)
	if err != nil {
		return err
	}
	w.opt.Reached("stream.before")
	stream, err := w.opt.Catalog.OpenStream(ctx, w.source)
	if err != nil {
		return err
	}
	w.opt.Reached("stream.after")
	if stream, err = w.turn(ctx, stream); err != nil {
		return err
	}
	w.wakeOne(w.signals) // those that waited for the turn
	a := &applying{worker: w, stream: stream, letters: letters}
	if err := a.open(ctx); err != nil {
		return err
	}
	defer func() { a.applier.Close(ctx) }()
	a.holds.begin(&orders{})
	if err := a.endInitial(ctx); err != nil {
		return err
	}
	// Before the limit is looked at, and before brokers that may be out of reach.
	if err := a.replayAll(ctx); err != nil {
		return err
	}
	if err := letters.begin(ctx, w.opt.Catalog); err != nil {
		return err
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	defer w.report.denied("")
	if a.consumer, err = w.consume(ctx, stream, fail); err != nil {
		return err
	}
	defer a.consumer.close()
	w.report.follow(a.consumer.lag)
	defer w.report.follow(nil)
	r := a.consumer.reader(router, letters, w.limit)
	a.holds.begin(r.orders)
	group, ctx := errgroup.WithContext(ctx)
	notices := &notices{worker: w}
	watch := &completion{worker: w, consumer: a.consumer, notices: notices, readable: a.consumer.readable, began: time.Now()}
	draining := &draining{worker: w, consumer: a.consumer, stream: stream, orders: r.orders}
	for _, f := range []func(context.Context) error{
		r.run, func(ctx context.Context) error { return a.run(ctx, r) }, notices.follow, watch.watch, draining.run,
		a.consumer.commitEvery, a.consumer.endsEvery, a.consumer.denied.run,
	} {
		group.Go(func() error { return w.guarded(ctx, f) })
	}
	_ = group.Wait() // the cause is the first error, or what fail was told
	return context.Cause(ctx)
}
