package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrNoSource says that there is no such data source.
var ErrNoSource = errors.New("data source does not exist")

// ReadSyncMode reads the mode of a source on a connection of its own; it fails with
// ErrNoSource. It is for a command line beside the server, and knows the catalog of
// Metadb 1.4 too.
func ReadSyncMode(ctx context.Context, conn *pgx.Conn, source string) (int16, error) {
	var mode int16
	err := conn.QueryRow(ctx, "SELECT sync FROM metadb.source WHERE name = $1", source).Scan(&mode)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, ErrNoSource
	}
	if err != nil {
		return 0, fmt.Errorf("read mode of data source %s: %w", source, err)
	}
	return mode, nil
}

// OpenRequest is the source's first request of a kind that has not ended; 0 for none.
func OpenRequest(ctx context.Context, conn *pgx.Conn, source, kind string) (int64, error) {
	var id int64
	err := conn.QueryRow(ctx, "SELECT coalesce(min(id), 0) FROM metadb.request WHERE source = $1 AND kind = $2 AND finished_at IS NULL",
		source, kind).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("read requests: %w", err)
	}
	return id, nil
}

// RequestProgress is how far a request about a synchronization is.
type RequestProgress struct {
	State       string // waiting, running, done or failed; "" when it is no more
	Detail      string
	Done, Total int64 // tables
	Closed      int64 // rows; of all tables of the source
	ToClose     int64
	Enabled     bool   // the source
	Trouble     string // why the source's stream is in state error
}

// ReadRequestProgress reads it.
func ReadRequestProgress(ctx context.Context, conn *pgx.Conn, id int64) (RequestProgress, error) {
	var p RequestProgress
	err := conn.QueryRow(ctx, `
		SELECT r.state, r.detail, coalesce(r.done, 0), coalesce(r.total, 0), c.closed, c.to_close, coalesce(s.enable, false),
		       CASE WHEN t.state = 'error' THEN coalesce(t.reason, '') ELSE '' END
		FROM metadb.request r
		LEFT JOIN metadb.source s ON s.name = r.source
		LEFT JOIN metadb.source_status t ON t.source = r.source
		CROSS JOIN LATERAL (
			SELECT coalesce(sum(c.closed), 0)::bigint AS closed, coalesce(sum(c.to_close), 0)::bigint AS to_close
			FROM metadb.sync_table c WHERE c.source = r.source) c
		WHERE r.id = $1`, id).
		Scan(&p.State, &p.Detail, &p.Done, &p.Total, &p.Closed, &p.ToClose, &p.Enabled, &p.Trouble)
	if errors.Is(err, pgx.ErrNoRows) {
		return RequestProgress{}, nil
	}
	if err != nil {
		return RequestProgress{}, fmt.Errorf("read request: %w", err)
	}
	return p, nil
}

// SyncCounts are the numbers of a source's current rows.
type SyncCounts struct {
	Current, Unconfirmed int64
	Uncounted            int64 // tables whose numbers are estimates yet
}

// ReadSyncCounts reads the numbers of a synchronizing source.
func ReadSyncCounts(ctx context.Context, conn *pgx.Conn, source string) (SyncCounts, error) {
	var n SyncCounts
	err := conn.QueryRow(ctx, `
		SELECT coalesce(sum(current_rows), 0)::bigint, coalesce(sum(unconfirmed), 0)::bigint, count(*) FILTER (WHERE NOT counted)
		FROM metadb.sync_counts WHERE source = $1 AND NOT ended`, source).Scan(&n.Current, &n.Unconfirmed, &n.Uncounted)
	if err != nil {
		return SyncCounts{}, fmt.Errorf("read counts of data source %s: %w", source, err)
	}
	return n, nil
}
