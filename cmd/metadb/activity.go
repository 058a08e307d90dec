package main

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"metadb/catalog"
	"metadb/pgwire"
)

// Bounds of what waits to be stored in metadb.activity.
const (
	activityQueue = 1000                   // statements; of more the log has the only record
	activityBatch = 100                    // stored together
	activityRetry = time.Second            // until the next try
	activityTime  = 5 * time.Second        // of one try
	activityLast  = 500 * time.Millisecond // of what is left of it when the server ends, and of a try behind that
)

// activityStore logs what clients' statements have done, and puts it into
// metadb.activity, later and by another goroutine: no client waits for that.
type activityStore struct {
	cat     *catalog.Catalog
	log     *slog.Logger
	queue   chan catalog.Activity
	attempt string // of storing, of which it is not known whether it has
	// outcomes counts the statements, for /metrics.
	outcomes *prometheus.CounterVec
}

func newActivityStore(cat *catalog.Catalog, log *slog.Logger) *activityStore {
	s := &activityStore{cat: cat, log: log, queue: make(chan catalog.Activity, activityQueue), outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "metadb_statements_total", Help: "Statements of clients that change something, by what became of them.",
	}, []string{"outcome"})}
	for _, o := range []pgwire.Outcome{pgwire.Committed, pgwire.Failed, pgwire.RolledBack, pgwire.Unknown} {
		s.outcomes.WithLabelValues(string(o))
	}
	return s
}

// observe takes a statement whose outcome is known.
func (s *activityStore) observe(a pgwire.Activity) {
	s.outcomes.WithLabelValues(string(a.Outcome)).Inc()
	clean := func(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
	attrs := []any{"statement", clean(a.Text), "role", clean(a.User), "client", a.Client, "application", clean(a.Application)}
	switch a.Outcome {
	case pgwire.Failed:
		s.log.Info("statement failed", append(attrs, "code", a.Code)...)
	case pgwire.RolledBack:
		// Some tools roll back what they have not understood, and say that all is well.
		s.log.Warn("statement was rolled back", attrs...)
	case pgwire.Unknown:
		s.log.Warn("statement with unknown outcome", attrs...)
	default:
		if a.Code != "" { // it is done, but the wait for it was cancelled or failed
			attrs = append(attrs, "code", a.Code)
		}
		s.log.Info("statement "+string(a.Outcome), attrs...)
	}
	select {
	case s.queue <- catalog.Activity{
		At: a.At, Role: clean(a.User), Address: a.Client, Application: clean(a.Application), BackendPID: a.PID,
		Statement: a.Statement, Text: clean(a.Text), Outcome: string(a.Outcome), SQLState: a.Code,
	}:
	default:
		s.log.Error("too much waits to be stored in metadb.activity: the statement is missing there", attrs...)
	}
}

// run stores until ctx ends, and then what is left.
func (s *activityStore) run(ctx context.Context) {
	var batch []catalog.Activity
	for {
		if len(batch) == 0 {
			select {
			case a := <-s.queue:
				batch = append(batch, a)
			case <-ctx.Done():
				s.last(ctx)
				return
			}
		}
		if s.attempt == "" {
			batch = s.more(batch, activityBatch)
		}
		if s.store(ctx, batch) {
			batch = nil
			continue
		}
		if wait(ctx, activityRetry) != nil {
			s.store(ctx, batch)
			s.last(ctx)
			return
		}
	}
}

// last stores what is left when the server ends.
func (s *activityStore) last(ctx context.Context) {
	if rest := s.more(nil, activityQueue); len(rest) > 0 {
		s.attempt = ""
		s.store(ctx, rest)
	}
}

// more adds what is queued, up to a number.
func (s *activityStore) more(batch []catalog.Activity, limit int) []catalog.Activity {
	for len(batch) < limit {
		select {
		case a := <-s.queue:
			batch = append(batch, a)
		default:
			return batch
		}
	}
	return batch
}

// store tries once. When the server ends, what is under way gets a little longer: if it
// were broken off nobody would know whether it is stored.
func (s *activityStore) store(ctx context.Context, batch []catalog.Activity) bool {
	trying, cancel := context.WithTimeout(context.WithoutCancel(ctx), activityTime)
	defer cancel()
	unhook := context.AfterFunc(ctx, func() { time.AfterFunc(activityLast, cancel) })
	defer unhook()
	var err error
	if s.attempt, err = s.cat.StoreActivity(trying, batch, s.attempt); err != nil {
		s.log.Debug("cannot store activity", "error", err.Error())
	}
	return err == nil
}
