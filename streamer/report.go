package streamer

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"metadb/catalog"
)

// reportEvery bounds how old a source's status is.
const reportEvery = time.Second

// report gathers what a worker says of itself and stores it in the catalog.
type report struct {
	catalog *catalog.Catalog
	source  string
	log     *slog.Logger

	// mu guards what follows.
	mu      sync.Mutex
	status  catalog.Status
	blocked string // a schema change waits
	brokers string // brokers cannot be reached
	events  int64  // applied since the last report
	changed chan struct{}
}

func newReport(c *catalog.Catalog, source string, log *slog.Logger) *report {
	return &report{catalog: c, source: source, log: log, changed: make(chan struct{}, 1)}
}

// state changes the worker's state and shows it at once.
func (r *report) state(state, reason string) {
	r.mu.Lock()
	r.status.State, r.status.Reason = state, reason
	r.mu.Unlock()
	r.wake()
}

// waiting shows what a schema change waits for; "" when it no longer does.
func (r *report) waiting(reason string) {
	r.mu.Lock()
	same := r.blocked == reason
	r.blocked = reason
	r.mu.Unlock()
	if !same {
		r.wake()
	}
}

// broker shows why brokers cannot be reached; "" when they can.
func (r *report) broker(reason string) {
	r.mu.Lock()
	same := r.brokers == reason
	r.brokers = reason
	r.mu.Unlock()
	if !same {
		r.wake()
	}
}

// applied counts events and notes the records left to read.
func (r *report) applied(events int, lag int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events += int64(events)
	r.status.Lag = &lag
	if events > 0 {
		r.status.LastEvent = time.Now()
	}
}

func (r *report) wake() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// run stores the status whenever the state changes, and every second while
// events are applied.
func (r *report) run(ctx context.Context) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	last := time.Now()
	quiet := false
	for {
		force := false
		select {
		case <-ctx.Done():
			return
		case <-r.changed:
			force = true
		case <-tick.C:
		}
		r.mu.Lock()
		status, events := r.status, r.events
		if r.blocked != "" {
			status.Reason = r.blocked
		}
		if r.brokers != "" {
			status.State, status.Reason = catalog.StateError, r.brokers
		}
		r.mu.Unlock()
		if !force && quiet && events == 0 {
			continue
		}
		if elapsed := time.Since(last).Seconds(); elapsed > 0 {
			status.Rate = float64(events) / elapsed
		}
		if err := r.catalog.ReportStatus(ctx, r.source, status, events); err != nil {
			if ctx.Err() == nil {
				r.log.Debug("cannot report status", "source", r.source, "error", err.Error())
			}
			continue
		}
		quiet, last = events == 0, time.Now()
		r.mu.Lock()
		r.events -= events
		r.mu.Unlock()
	}
}
