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
	Lag       *int64 // records not applied yet; nil when unknown
	LastEvent time.Time
	// LagSince is when the oldest record that is not applied was written to
	// Kafka; zero when there is none.
	LagSince time.Time
	// CaughtUp is when the worker last had everything applied; zero when it never had.
	CaughtUp   time.Time
	Partitions int // assigned
	// FailedAt is when the error of state StateError last came up.
	FailedAt time.Time
}

// TableActivity is what a worker reports of a table that had events.
type TableActivity struct {
	Schema, Table string
	Events        int64
	LastChange    time.Time // the highest commit time at the source
}

// Counts are what became of a source's records beside the events that were applied.
type Counts struct {
	Tombstones int64
	Ignored    int64 // no change events
	Filtered   int64 // of tables that a filter rejects
	Repeated   int64 // sent again
	Repaired   int64 // values in which characters were replaced
	Nulled     int64 // values that were replaced by NULL
}

// ReportStatus stores what the worker of a source reports. add is the number of
// events applied since the last report, counts what became of other records since.
func (c *Catalog) ReportStatus(ctx context.Context, source string, s Status, add int64, counts Counts) error {
	failed, failedAt := "", (*time.Time)(nil)
	if s.State == StateError {
		failed, failedAt = s.Reason, moment(s.FailedAt)
	}
	_, err := c.pool.Exec(ctx, `
		INSERT INTO metadb.source_status AS t (source, state, reason, events, rate, lag, last_event, lag_since, caught_up,
			partitions, last_error, last_error_at, tombstones, ignored, filtered, repeated, repaired, nulled)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $18, $12, $13, $14, $15, $16, $17)
		ON CONFLICT (source) DO UPDATE
		SET state = excluded.state, reason = excluded.reason, events = t.events + excluded.events,
		    rate = excluded.rate, lag = excluded.lag, last_event = coalesce(excluded.last_event, t.last_event),
		    lag_since = excluded.lag_since, caught_up = coalesce(excluded.caught_up, t.caught_up),
		    partitions = excluded.partitions, last_error = coalesce(nullif(excluded.last_error, ''), t.last_error),
		    last_error_at = coalesce(excluded.last_error_at, t.last_error_at),
		    tombstones = t.tombstones + excluded.tombstones, ignored = t.ignored + excluded.ignored,
		    filtered = t.filtered + excluded.filtered, repeated = t.repeated + excluded.repeated,
		    repaired = t.repaired + excluded.repaired, nulled = t.nulled + excluded.nulled,
		    since = CASE WHEN t.state = excluded.state THEN t.since ELSE now() END, updated = now()`,
		source, s.State, s.Reason, add, s.Rate, s.Lag, moment(s.LastEvent), moment(s.LagSince), moment(s.CaughtUp),
		s.Partitions, failed,
		counts.Tombstones, counts.Ignored, counts.Filtered, counts.Repeated, counts.Repaired, counts.Nulled, failedAt)
	if err != nil {
		return fmt.Errorf("report status of data source %s: %w", source, err)
	}
	return nil
}

// moment is NULL for the zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// ReportTables stores which tables had events of a source since the last report.
func (c *Catalog) ReportTables(ctx context.Context, source string, tables []TableActivity) error {
	var schemas, names []string
	var events []int64
	var changed []time.Time
	for _, t := range tables {
		schemas, names = append(schemas, t.Schema), append(names, t.Table)
		events, changed = append(events, t.Events), append(changed, t.LastChange)
	}
	_, err := c.pool.Exec(ctx, `
		INSERT INTO metadb.table_activity AS t (schema_name, table_name, source, events, last_change, last_applied)
		SELECT u.schema_name, u.table_name, $1, u.events, u.last_change, now()
		FROM unnest($2::text[], $3::text[], $4::bigint[], $5::timestamptz[]) u(schema_name, table_name, events, last_change)
		ORDER BY 1, 2
		ON CONFLICT (schema_name, table_name) DO UPDATE
		SET source = excluded.source, events = t.events + excluded.events,
		    last_change = greatest(t.last_change, excluded.last_change), last_applied = excluded.last_applied`,
		source, schemas, names, events, changed)
	if err != nil {
		return fmt.Errorf("report tables of data source %s: %w", source, err)
	}
	return nil
}

// ForgetStatus removes the reports of sources that no longer exist, and what was
// said of those that are disabled: it must not show when they are enabled again.
func (c *Catalog) ForgetStatus(ctx context.Context) error {
	_, err := c.pool.Exec(ctx, `
		WITH gone AS (
			DELETE FROM metadb.source_status t WHERE NOT EXISTS (SELECT FROM metadb.source s WHERE s.name = t.source))
		UPDATE metadb.source_status t SET state = $1, reason = '', rate = 0, lag = NULL, lag_since = NULL, partitions = 0, since = now(), updated = now()
		FROM metadb.source s WHERE s.name = t.source AND NOT s.enable AND t.state <> $1`, StateInactive)
	if err != nil {
		return fmt.Errorf("forget status: %w", err)
	}
	return nil
}
