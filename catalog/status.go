package catalog

import (
	"context"
	"fmt"
	"time"
)

// States of a source's stream, the words of LIST STATUS.
const (
	StateWaiting  = "waiting"  // no partition to read yet
	StateStarting = "starting" // connecting
	StateActive   = "active"   // reading assigned partitions
	StateError    = "error"    // failing; retried by itself
	StateInactive = "inactive" // disabled
)

// Status is what the worker of a source reports.
type Status struct {
	State     string
	Reason    string // why it is not active, for people
	Rate      float64
	Lag       *int64 // records not read yet; nil when unknown
	LastEvent time.Time
}

// ReportStatus stores what the worker of a source reports. add is the number of
// events applied since the last report.
func (c *Catalog) ReportStatus(ctx context.Context, source string, s Status, add int64) error {
	var last *time.Time
	if !s.LastEvent.IsZero() {
		last = &s.LastEvent
	}
	_, err := c.pool.Exec(ctx, `
		INSERT INTO metadb.source_status AS t (source, state, reason, events, rate, lag, last_event)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (source) DO UPDATE
		SET state = excluded.state, reason = excluded.reason, events = t.events + excluded.events,
		    rate = excluded.rate, lag = excluded.lag, last_event = coalesce(excluded.last_event, t.last_event),
		    since = CASE WHEN t.state = excluded.state THEN t.since ELSE now() END, updated = now()`,
		source, s.State, s.Reason, add, s.Rate, s.Lag, last)
	if err != nil {
		return fmt.Errorf("report status of data source %s: %w", source, err)
	}
	return nil
}

// ForgetStatus removes the reports of sources that no longer exist, and what was
// said of those that are disabled: it must not show when they are enabled again.
func (c *Catalog) ForgetStatus(ctx context.Context) error {
	_, err := c.pool.Exec(ctx, `
		WITH gone AS (
			DELETE FROM metadb.source_status t WHERE NOT EXISTS (SELECT FROM metadb.source s WHERE s.name = t.source))
		UPDATE metadb.source_status t SET state = $1, reason = '', rate = 0, lag = NULL, since = now(), updated = now()
		FROM metadb.source s WHERE s.name = t.source AND NOT s.enable AND t.state <> $1`, StateInactive)
	if err != nil {
		return fmt.Errorf("forget status: %w", err)
	}
	return nil
}
