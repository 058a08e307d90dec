package streamer

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"metadb/catalog"
	"metadb/change"
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
	waits   map[string]string                // why tables wait
	failing failing                          // what ended the last run, and may still be there
	brokers string                           // brokers cannot be reached
	since   time.Time                        // since then
	refused string                           // topics cannot be read
	events  int64                            // applied since the last report
	counts  change.Counts                    // what became of other records, since then
	meter   *lagMeter                        // of the present run; nil between runs
	tables  map[*change.Target]*tableChanges // since the last report
	changed chan struct{}
}

// tableChanges is what a table had of events.
type tableChanges struct{ events, tsMs int64 }

// quietReport is how often a source without events is reported.
const quietReport = 15 * time.Second

func newReport(c *catalog.Catalog, source string, log *slog.Logger) *report {
	return &report{catalog: c, source: source, log: log, tables: make(map[*change.Target]*tableChanges), waits: make(map[string]string), changed: make(chan struct{}, 1)}
}

// state changes the worker's state and shows it at once.
func (r *report) state(state, reason string) {
	r.mu.Lock()
	r.status.State, r.status.Reason = state, reason
	r.mu.Unlock()
	r.wake()
}

// table shows why a table waits; "" when it no longer does.
func (r *report) table(name, reason string) {
	r.mu.Lock()
	same := r.waits[name] == reason
	if reason == "" {
		delete(r.waits, name)
	} else {
		r.waits[name] = reason
	}
	r.mu.Unlock()
	if !same {
		r.wake()
	}
}

// shownWaits is how many tables that wait are named in the status.
const shownWaits = 3

// whyWaiting puts together why tables wait. The caller holds mu.
func (r *report) whyWaiting() string {
	names := slices.Sorted(maps.Keys(r.waits))
	var reasons []string
	for _, n := range names[:min(len(names), shownWaits)] {
		reasons = append(reasons, r.waits[n])
	}
	if more := len(names) - len(reasons); more > 0 {
		reasons = append(reasons, fmt.Sprintf("and %d more tables wait", more))
	}
	return strings.Join(reasons, "; ")
}

// broker shows why brokers cannot be reached; "" when they can.
func (r *report) broker(reason string) {
	r.mu.Lock()
	same := r.brokers == reason
	r.brokers = reason
	if !same {
		r.since = time.Now()
	}
	r.mu.Unlock()
	if !same {
		r.wake()
	}
}

// denied shows which topics cannot be read; "" when there are none.
func (r *report) denied(reason string) {
	r.mu.Lock()
	same := r.refused == reason
	r.refused = reason
	r.mu.Unlock()
	if !same {
		r.wake()
	}
}

// follow shows the lag of a run; nil when it has ended.
func (r *report) follow(m *lagMeter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.meter = m
}

// applied counts the events of a batch, and those of each table, and what became
// of its other records.
func (r *report) applied(events []change.Event, counts change.Counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.Add(counts)
	if len(events) == 0 {
		return
	}
	r.events += int64(len(events))
	r.status.LastEvent = time.Now()
	var last *tableChanges
	var target *change.Target
	for i := range events {
		if ev := &events[i]; last == nil || ev.Target != target {
			target = ev.Target
			if last = r.tables[target]; last == nil {
				last = &tableChanges{}
				r.tables[target] = last
			}
		}
		last.events++
		last.tsMs = max(last.tsMs, events[i].TsMs)
	}
}

func (r *report) wake() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// run stores the status whenever the state changes, every second while something
// else does, and now and then.
func (r *report) run(ctx context.Context) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	last := time.Now()
	var stored catalog.Status
	for {
		force := false
		select {
		case <-ctx.Done():
			return
		case <-r.changed:
			force = true
		case <-tick.C:
		}
		status, events, counts := r.look()
		elapsed := time.Since(last)
		still := events == 0 && counts == (change.Counts{}) && stored.Rate == 0 && lagOf(status) == lagOf(stored) && status.State == stored.State && status.Reason == stored.Reason && status.Partitions == stored.Partitions
		if !force && still && elapsed < quietReport {
			continue
		}
		if elapsed > 0 {
			status.Rate = float64(events) / elapsed.Seconds()
		}
		if err := r.store(ctx, status, events, counts); err != nil {
			if ctx.Err() == nil {
				r.log.Debug("cannot report status", "source", r.source, "error", err.Error())
			}
			continue
		}
		stored, last = status, time.Now()
	}
}

// look is the status now, and what was counted since the last report.
func (r *report) look() (catalog.Status, int64, change.Counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.meter != nil {
		l := r.meter.read()
		r.status.Lag, r.status.LagSince, r.status.Partitions = &l.records, l.since, l.partitions
	} else {
		r.status.Partitions = 0
	}
	if r.status.State == catalog.StateActive && r.brokers == "" && r.refused == "" && r.status.Lag != nil && *r.status.Lag == 0 {
		r.status.CaughtUp = time.Now()
	}
	status := r.status
	if r.failing.stands(status) {
		status.State, status.Reason, status.FailedAt = catalog.StateError, r.failing.reason, r.failing.last
	} else {
		r.failing = failing{}
	}
	if r.refused != "" && status.State != catalog.StateError {
		status.Reason = r.refused
	}
	if why := r.whyWaiting(); status.Reason == "" {
		status.Reason = why
	} else if why != "" {
		status.Reason += "; " + why
	}
	if r.brokers != "" {
		status.State, status.Reason, status.FailedAt = catalog.StateError, r.brokers, r.since
	}
	return status, r.events, r.counts
}

// store writes a status, and the tables that had events.
func (r *report) store(ctx context.Context, status catalog.Status, events int64, counts change.Counts) error {
	if err := r.catalog.ReportStatus(ctx, r.source, status, events, catalog.Counts(counts)); err != nil {
		return err
	}
	r.mu.Lock()
	r.events -= events
	r.counts.Subtract(counts)
	tables := r.tables
	r.tables = make(map[*change.Target]*tableChanges)
	r.mu.Unlock()
	if len(tables) == 0 {
		return nil
	}
	return r.catalog.ReportTables(ctx, r.source, activities(tables))
}

// activities sums the targets of one table, which are one for each origin.
func activities(tables map[*change.Target]*tableChanges) []catalog.TableActivity {
	type name struct{ schema, table string }
	sums := make(map[name]*catalog.TableActivity)
	for target, c := range tables {
		n := name{target.Schema, target.Table}
		if sums[n] == nil {
			sums[n] = &catalog.TableActivity{Schema: n.schema, Table: n.table}
		}
		sums[n].Events += c.events
		if at := time.UnixMilli(c.tsMs); at.After(sums[n].LastChange) {
			sums[n].LastChange = at
		}
	}
	list := make([]catalog.TableActivity, 0, len(sums))
	for _, a := range sums {
		list = append(list, *a)
	}
	return list
}

// lagOf is a status' lag; -1 when it is not known.
func lagOf(s catalog.Status) int64 {
	if s.Lag == nil {
		return -1
	}
	return *s.Lag
}
