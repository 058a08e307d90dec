package warehouse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"metadb/catalog"
)

// batchPatience is how long a batch waits for a lock on one of its tables. All
// others wait with it, and whoever wants a table that it has written already; so it
// gives up before PostgreSQL looks for deadlocks (after 1 s), in which the other
// side might be the victim. Locks that are a part of daily work are shorter.
const batchPatience = "500ms"

// ErrLocked says that a table could not be read as somebody holds a lock on it.
var ErrLocked = errors.New("somebody holds a lock on the table")

// LockWait says whether a batch was given up as somebody holds a lock on one
// table. Its transaction is rolled back.
func LockWait(err error) (*TableError, bool) {
	var pg *pgconn.PgError
	var t *TableError
	if !errors.As(err, &t) {
		return nil, false
	}
	return t, errors.Is(err, ErrLocked) || errors.As(err, &pg) && pg.Code == "55P03"
}

// AwaitLock waits, on a connection of its own, until a batch may write to a table,
// and gives all locks back. It tries for a moment at a time, so that nobody waits
// behind it. A table that is gone is not waited for.
func AwaitLock(ctx context.Context, config *pgx.ConnConfig, schema, table string, how Patience) error {
	conn, err := pgx.ConnectConfig(ctx, config.Copy())
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	pauses := lockBackOff()
	pauses.MaxInterval = time.Second
	for {
		err := watched(ctx, conn, how, func(blockers []int32) string { return lockReason(schema, table, blockers) },
			func() error { return tryLock(ctx, conn, schema, table) })
		if !isLockWait(err) {
			return err
		}
		timer := time.NewTimer(pauses.NextBackOff())
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// lockReason says which table waits for a lock, and whose.
func lockReason(schema, table string, blockers []int32) string {
	return "table " + schema + "." + table + " waits for a lock that somebody holds on it" + blockedBy(blockers)
}

// LockReason is what a table waits for, and which processes are in its way.
func (e *TableError) LockReason(blockers []int32) string {
	return lockReason(e.Schema, e.Table, blockers)
}

// tryLock takes and gives back what a batch takes of a table.
func tryLock(ctx context.Context, conn *pgx.Conn, schema, table string) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+lockTry+"'"); err != nil {
			return err
		}
		var main *string
		err := tx.QueryRow(ctx, `
			SELECT to_regclass($3)::text FROM metadb.data_table d, pg_advisory_xact_lock_shared($4, d.id)
			WHERE d.schema_name = $1 AND d.table_name = $2`,
			schema, table, quote(schema, mainName(table)), catalog.LockTable).Scan(&main)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && main == nil {
			return nil
		}
		if err == nil {
			_, err = tx.Exec(ctx, "LOCK TABLE "+*main+" IN ROW EXCLUSIVE MODE")
		}
		return err
	})
}

// blockersEvery is how often a try that waits is looked at.
const blockersEvery = 30 * time.Millisecond

// watched does what may wait for locks on a connection, and tells meanwhile, once,
// who is in its way.
func watched(ctx context.Context, conn *pgx.Conn, how Patience, reason func(blockers []int32) string, do func() error) error {
	done := make(chan error, 1)
	pid := conn.PgConn().PID()
	go func() { done <- do() }()
	tick := time.NewTicker(blockersEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			if blockers, err := how.Blockers(ctx, pid); err == nil && len(blockers) > 0 {
				how.Waiting(reason(blockers))
				return <-done
			}
		}
	}
}
