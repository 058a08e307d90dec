package warehouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"metadb/catalog"
)

// EndsyncOptions are what Endsync is told.
type EndsyncOptions struct {
	Source  string
	Request catalog.SyncRequest
	Log     *slog.Logger
	// Reached is called with the name of a point of the program where a test may
	// kill it; it may be nil.
	Reached func(point string)
}

// EndsyncResult is what has come of an endsync.
type EndsyncResult struct {
	Refused string // why it closed nothing, or, with Closed, nothing more; "" if it went on
	Closed  int64  // rows, of the whole endsync, also before a restart
	Early   bool   // the snapshot was not known to be complete
}

// chunkRows is how many rows are closed in one transaction: as long as the table's
// batches wait.
const chunkRows = 5000

// Why an endsync does not go on: the synchronization that was to be ended is no more;
// the request is about another; it has ended.
var (
	errEnded     = errors.New("the synchronization was replaced or cancelled")
	errEarlier   = errors.New("the request was made for an earlier synchronization")
	errTakenBack = errors.New("the request was taken back")
)

// endsync is one at work.
type endsync struct {
	EndsyncOptions
	conn       *pgx.Conn
	id         int32 // of the source, in advisory locks
	generation int32
	at         time.Time // __end of all rows that it closes
	checked    bool
	closed     int64 // rows, since this program has begun
}

// Endsync closes the current rows of a source that its synchronization has not
// confirmed, while streaming goes on. It counts all tables exactly before it closes
// anything, and closes nothing if the guard forbids it (rule R19). It may be
// repeated after a crash, and goes on where it was, with the same __end.
func Endsync(ctx context.Context, config *pgx.ConnConfig, opt EndsyncOptions) (EndsyncResult, error) {
	if opt.Reached == nil {
		opt.Reached = func(string) {}
	}
	conn, err := pgx.ConnectConfig(ctx, config.Copy())
	if err != nil {
		return EndsyncResult{}, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "SET TimeZone = 'UTC'; SET jit = off; SET search_path = pg_catalog, pg_temp"); err != nil {
		return EndsyncResult{}, fmt.Errorf("set up session: %w", err)
	}
	e := &endsync{EndsyncOptions: opt, conn: conn}
	result, err := e.run(ctx)
	for _, reason := range []error{errEnded, errEarlier, errTakenBack} {
		if errors.Is(err, reason) {
			return EndsyncResult{Refused: reason.Error(), Closed: e.closed}, nil
		}
	}
	if err != nil {
		return result, fmt.Errorf("endsync of data source %s: %w", opt.Source, err)
	}
	return result, nil
}

func (e *endsync) run(ctx context.Context) (EndsyncResult, error) {
	var result EndsyncResult
	if err := e.begin(ctx); err != nil {
		return result, err
	}
	e.Reached("endsync.begun")
	tables, err := e.scope(ctx)
	if err != nil {
		return result, err
	}
	if !e.checked {
		if result.Refused, err = e.check(ctx, tables); err != nil || result.Refused != "" {
			return result, err
		}
	}
	e.Reached("endsync.checked")
	for i, t := range tables {
		if err := e.progress(ctx, int64(i), int64(len(tables)), "finalizing table "+t.String()); err != nil {
			return result, err
		}
		if err := e.close(ctx, t); err != nil {
			return result, fmt.Errorf("table %s: %w", t, err)
		}
	}
	e.Reached("endsync.closed")
	result.Closed, result.Early, err = e.finish(ctx)
	if err == nil {
		e.Reached("endsync.after")
	}
	return result, err
}

// begin takes up the request, fixes the end of the rows that will be closed, and turns
// the marks of batches from here on to a table of their own, which is small and indexed:
// those before are only read from now on. The synchronization must be the one that the
// request is about, and the request not taken back: the worker has read it a while ago.
func (e *endsync) begin(ctx context.Context) error {
	if err := e.conn.QueryRow(ctx, "SELECT id FROM metadb.source_state WHERE source = $1", e.Source).Scan(&e.id); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, e.conn, func(tx pgx.Tx) error {
		// Before the source's lock: a client may hold the row.
		tag, err := tx.Exec(ctx, "UPDATE metadb.request SET state = 'running' WHERE id = $1 AND finished_at IS NULL", e.Request.ID)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return errTakenBack
		}
		if err := catalog.LockSourceExclusive(ctx, tx, e.id); err != nil {
			return err
		}
		var mode int16
		err = tx.QueryRow(ctx, `
			SELECT y.generation, y.mode FROM metadb.source_sync y JOIN metadb.source s ON s.name = y.source AND s.sync = y.mode
			WHERE y.source = $1 AND y.adopted`, e.Source).Scan(&e.generation, &mode)
		if errors.Is(err, pgx.ErrNoRows) {
			return errEnded
		}
		if err != nil {
			return err
		}
		of := e.Request.Generation
		if (of != nil || mode != catalog.SyncInitial) && (of == nil || *of != e.generation) {
			return errEarlier
		}
		err = tx.QueryRow(ctx, `
			UPDATE metadb.source_sync SET endsync_at = coalesce(endsync_at, date_trunc('second', clock_timestamp()))
			WHERE source = $1 RETURNING endsync_at, checked`, e.Source).Scan(&e.at, &e.checked)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE metadb.source_state SET marks = $2 WHERE source = $1", e.Source, catalog.MarksLate)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			UPDATE metadb.data_table SET endsync_at = greatest(endsync_at, $2)
			WHERE id IN (SELECT o.table_id FROM metadb.table_owner o WHERE o.source = $1)`, e.Source, e.at)
		return err
	})
}

// exclusive runs a transaction under the source's exclusive lock: between batches.
func (e *endsync) exclusive(ctx context.Context, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, e.conn, func(tx pgx.Tx) error {
		if err := catalog.LockSourceExclusive(ctx, tx, e.id); err != nil {
			return err
		}
		return do(tx)
	})
}

// synced is a table that is ended.
type synced struct {
	tableName
	id  int32
	key []string
}

// scope are the tables that the request is about, in the order of their names; none that
// was made since the endsync began: appliers do not know of its end there.
func (e *endsync) scope(ctx context.Context) ([]synced, error) {
	rows, err := e.conn.Query(ctx, `
		SELECT c.schema_name, c.table_name, c.table_id, coalesce(d.key_columns, '{}')
		FROM metadb.sync_counts c JOIN metadb.data_table d ON d.id = c.table_id
		WHERE c.source = $1 AND NOT c.ended AND ($2::integer[] IS NULL OR c.table_id = ANY ($2)) AND d.endsync_at >= $3
		ORDER BY c.schema_name, c.table_name`, e.Source, e.Request.Tables, e.at)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (synced, error) {
		var t synced
		err := row.Scan(&t.schema, &t.table, &t.id, &t.key)
		return t, err
	})
}

// demand fails unless the synchronization is the one that this endsync began with.
func (e *endsync) demand(ctx context.Context, tx pgx.Tx) error {
	var same bool
	err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM metadb.source_sync WHERE source = $1 AND generation = $2 AND endsync_at = $3)",
		e.Source, e.generation, e.at).Scan(&same)
	if err == nil && !same {
		err = errEnded
	}
	return err
}

func (e *endsync) progress(ctx context.Context, done, total int64, detail string) error {
	_, err := e.conn.Exec(ctx, "UPDATE metadb.request SET state = 'running', done = $2, total = $3, detail = $4 WHERE id = $1 AND finished_at IS NULL",
		e.Request.ID, done, total, detail)
	return err
}
