package streamer

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"metadb/catalog"
	"metadb/catalog/secret"
)

// Options are what a Streamer is made of.
type Options struct {
	Catalog   *catalog.Catalog
	Warehouse *pgx.ConnConfig // of the system user; each source opens its own connection
	Log       *slog.Logger
	Secrets   secret.Store
	// Reached is called with the name of a point of the program where a test may
	// kill it; nil outside of such tests.
	Reached func(point string)
	// Beat is called about every heartbeatEvery, also when PostgreSQL does not
	// answer; nil for nobody who listens.
	Beat func()

	// Shorter in tests.
	refusedPause, deniedPause, metadataAge, endsPause time.Duration
}

// Streamer runs a worker for every enabled data source of the catalog.
type Streamer struct {
	opt Options

	// mu guards workers and dropping.
	mu       sync.Mutex
	workers  map[string]*runningWorker
	dropping map[string]bool // dropped sources whose tables are being dropped
	drops    sync.WaitGroup
}

// New returns a Streamer; Run starts it.
func New(opt Options) *Streamer {
	if opt.Reached == nil {
		opt.Reached = func(string) {}
	}
	if opt.Beat == nil {
		opt.Beat = func() {}
	}
	opt.refusedPause = cmp.Or(opt.refusedPause, defaultRefusedPause)
	opt.deniedPause = cmp.Or(opt.deniedPause, defaultDeniedPause)
	opt.metadataAge = cmp.Or(opt.metadataAge, defaultMetadataAge)
	opt.endsPause = cmp.Or(opt.endsPause, defaultEndsPause)
	return &Streamer{opt: opt, workers: make(map[string]*runningWorker), dropping: make(map[string]bool)}
}

// runningWorker is a worker with what it was started for.
type runningWorker struct {
	source  catalog.Source
	origins []string
	config  map[string]string
	worker  *worker
	stop    context.CancelFunc
	done    chan struct{}
}

// heartbeatEvery is how often the server says in the catalog that it is alive.
const heartbeatEvery = 5 * time.Second

// Run follows the catalog until ctx ends and returns when all workers have ended.
func (s *Streamer) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.follow(ctx) })
	group.Go(func() error { return s.heartbeat(ctx) })
	group.Go(func() error { return s.prune(ctx) })
	err := group.Wait()
	s.stopAll()
	s.drops.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// follow reconciles the workers with the catalog whenever it changes.
func (s *Streamer) follow(ctx context.Context) error {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 100*time.Millisecond, 5*time.Second
	repeats := newRepeats(s.opt.Log)
	for {
		began := time.Now()
		err := s.opt.Catalog.Watch(ctx, s.reconcile)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Since(began) > time.Minute {
			b.Reset()
			repeats.forget()
		}
		repeats.tell(slog.LevelWarn, "cannot follow the catalog", err)
		if err := sleep(ctx, b.NextBackOff()); err != nil {
			return err
		}
	}
}

func (s *Streamer) heartbeat(ctx context.Context) error {
	for {
		s.opt.Beat()
		if err := s.beat(ctx); err != nil && ctx.Err() == nil {
			s.opt.Log.Debug("heartbeat failed", "error", err.Error())
		}
		if err := sleep(ctx, heartbeatEvery); err != nil {
			return err
		}
	}
}

// beat writes one heartbeat, and does not wait for ever.
func (s *Streamer) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*heartbeatEvery)
	defer cancel()
	return s.opt.Catalog.Heartbeat(ctx)
}

// pruneEvery is how often the catalog is rid of what is long over.
const pruneEvery = time.Hour

func (s *Streamer) prune(ctx context.Context) error {
	for {
		pruned, err := s.opt.Catalog.Prune(ctx, s.opt.Reached)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			s.opt.Log.Warn("cannot prune the catalog", "error", err.Error())
		default:
			s.opt.Log.Debug("catalog pruned", "ledger", pruned.Ledger, "requests", pruned.Requests, "gaps", pruned.Gaps, "activity", pruned.Activity)
		}
		if err := sleep(ctx, pruneEvery); err != nil {
			return err
		}
	}
}

// reconcile stops the workers of sources that are gone or changed, wakes the
// others, since the catalog may hold requests for them, and starts those that are
// missing.
func (s *Streamer) reconcile(ctx context.Context) error {
	sources, err := s.opt.Catalog.Sources(ctx)
	if err != nil {
		return err
	}
	origins, err := s.opt.Catalog.Origins(ctx)
	if err != nil {
		return err
	}
	config, err := s.opt.Catalog.Config(ctx)
	if err != nil {
		return err
	}
	dropped, err := s.opt.Catalog.DroppedSources(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := make(map[string]catalog.Source)
	for _, src := range sources {
		// One that is created again waits for the end of its tables.
		if src.Enable && !slices.Contains(dropped, src.Name) {
			wanted[src.Name] = src
		}
	}
	quiet := make(map[string]time.Time)
	for name, w := range s.workers {
		if src, ok := wanted[name]; !ok || !sameSource(src, w.source) || !slices.Equal(origins, w.origins) || !maps.Equal(config, w.config) {
			w.worker.leaving.Store(!ok)
			w.stop()
			<-w.done
			delete(s.workers, name)
			if src.Brokers == w.source.Brokers && src.Security == w.source.Security {
				quiet[name] = w.worker.quiet // a new worker would be refused as well
			}
			continue
		}
		w.worker.wake()
	}
	for _, name := range dropped {
		s.startDrop(ctx, name)
	}
	for name, src := range wanted {
		if s.workers[name] == nil {
			s.workers[name] = s.start(ctx, src, origins, config, quiet[name])
		}
	}
	if err := s.opt.Catalog.ForgetSyncs(ctx); err != nil {
		return err
	}
	return s.opt.Catalog.ForgetStatus(ctx)
}

// sameSource says whether nothing has changed for which a worker must be started
// anew. The mode of synchronization is not of that kind: requests tell of it.
func sameSource(a, b catalog.Source) bool {
	a.Sync = b.Sync
	return a == b
}

// start runs a worker until its stop is called or ctx ends; brokers are not asked
// before quiet.
func (s *Streamer) start(ctx context.Context, src catalog.Source, origins []string, config map[string]string, quiet time.Time) *runningWorker {
	ctx, stop := context.WithCancel(ctx)
	w := newWorker(s.opt, src, origins, config)
	w.quiet = quiet
	rw := &runningWorker{source: src, origins: origins, config: config, worker: w, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(rw.done)
		w.run(ctx)
	}()
	return rw
}

func (s *Streamer) stopAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.workers {
		w.stop()
	}
	for name, w := range s.workers {
		<-w.done
		delete(s.workers, name)
	}
}

// sleep waits for d or the end of ctx, whose error it returns.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
