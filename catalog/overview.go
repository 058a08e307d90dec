package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// SourceStatus is a row of metadb.status, which LIST STATUS shows.
type SourceStatus struct {
	Name           string     `json:"name"`
	State          string     `json:"source_stream"`
	Sync           string     `json:"source_sync"`
	Reason         string     `json:"reason"`
	Events         int64      `json:"events"`
	Rate           float64    `json:"events_per_second"`
	Lag            *int64     `json:"lag"` // records; nil when it is not known
	LastEvent      *time.Time `json:"last_event"`
	DeadLetters    int64      `json:"dead_letters"`
	Unsynchronized bool       `json:"unsynchronized"`
	LagSeconds     *float64   `json:"lag_seconds"`
	Partitions     int        `json:"partitions"`
	LastError      string     `json:"last_error"`
	LastErrorAt    *time.Time `json:"last_error_at"`
}

// ServerStatus is what a running server says of itself.
type ServerStatus struct {
	Version string     `json:"version"`
	Started *time.Time `json:"started"`
	Running bool       `json:"running"` // it has reported within 15 seconds
}

// States are the words of SourceStatus.State.
func States() []string {
	return []string{StateInactive, StateWaiting, StateStarting, StateActive, StateError}
}

// Querier runs a query: a connection or a pool of them.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// SourceStatuses returns the status of every data source, by name.
func (c *Catalog) SourceStatuses(ctx context.Context) ([]SourceStatus, error) {
	return ReadSourceStatuses(ctx, c.pool)
}

// ReadSourceStatuses is SourceStatuses for a connection that may read the status
// and nothing else.
func ReadSourceStatuses(ctx context.Context, q Querier) ([]SourceStatus, error) {
	rows, err := q.Query(ctx, `
		SELECT name, source_stream, source_sync, reason, events, events_per_second::float8, lag, last_event, dead_letters,
		       unsynchronized, lag_seconds::float8, partitions, last_error, last_error_at
		FROM metadb.status ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("read status: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[SourceStatus])
	if err != nil {
		return nil, fmt.Errorf("read status: %w", err)
	}
	return list, nil
}

// ReadServerStatus returns what the warehouse's server says of itself.
func ReadServerStatus(ctx context.Context, q Querier) (ServerStatus, error) {
	rows, err := q.Query(ctx, `
		SELECT coalesce(version, ''), started, coalesce(heartbeat > now() - interval '15 seconds', false) FROM metadb.server`)
	if err != nil {
		return ServerStatus{}, fmt.Errorf("read server: %w", err)
	}
	s, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[ServerStatus])
	if err != nil {
		return ServerStatus{}, fmt.Errorf("read server: %w", err)
	}
	return s, nil
}
