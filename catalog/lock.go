package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
)

// Classes of Metadb's advisory locks: the first of their two keys. The second is
// 0 for the instance and the row's id for the others.
const (
	LockInstance int32 = 0x6d646201 // held by the server for its life
	LockSource   int32 = 0x6d646202 // shared: a batch; exclusive: a new generation
	LockTable    int32 = 0x6d646203 // shared: a batch; exclusive: schema change, cleanup
)

// ErrAnotherServer says that a server already serves this warehouse.
var ErrAnotherServer = errors.New("another Metadb server is running on this database")

// instanceWait bounds how long a new server waits for the connection of one that
// died a moment ago to be noticed by Postgres.
const instanceWait = 10 * time.Second

// Blockers are the processes of PostgreSQL that a process waits for.
func (c *Catalog) Blockers(ctx context.Context, pid uint32) ([]int32, error) {
	var pids []int32
	if err := c.pool.QueryRow(ctx, "SELECT pg_blocking_pids($1)", int32(pid)).Scan(&pids); err != nil {
		return nil, fmt.Errorf("look for blocking processes: %w", err)
	}
	return pids, nil
}

// LockServer takes the lock that only one server of a warehouse holds, on conn,
// which must live as long as the server does. It fails with ErrAnotherServer.
func LockServer(ctx context.Context, conn *pgx.Conn) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		var ok bool
		err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1, 0)", LockInstance).Scan(&ok)
		switch {
		case err != nil:
			return struct{}{}, backoff.Permanent(fmt.Errorf("take instance lock: %w", err))
		case !ok:
			return struct{}{}, ErrAnotherServer
		}
		return struct{}{}, nil
	}, backoff.WithBackOff(backoff.NewConstantBackOff(100*time.Millisecond)), backoff.WithMaxElapsedTime(instanceWait))
	return err
}

// ServerLockFree says whether nobody holds the lock that LockServer takes.
func ServerLockFree(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var free bool
	err := conn.QueryRow(ctx, "SELECT CASE WHEN pg_try_advisory_lock($1, 0) THEN pg_advisory_unlock($1, 0) ELSE false END", LockInstance).Scan(&free)
	if err != nil {
		return false, fmt.Errorf("look at instance lock: %w", err)
	}
	return free, nil
}
