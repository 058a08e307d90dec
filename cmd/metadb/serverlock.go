package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"metadb/catalog"
)

// serverLock is the connection that holds the warehouse's instance lock.
type serverLock struct {
	config *pgx.ConnConfig
	conn   *pgx.Conn
}

// Intervals of looking whether the lock's connection lives, and of trying to get
// it back after Postgres went away.
const (
	lockCheck = time.Second
	lockRetry = 500 * time.Millisecond
)

// hold watches the lock until ctx ends. When its connection breaks the lock is
// taken again as soon as Postgres is back; only when another server has it by
// then does hold fail. Meanwhile nothing is written twice: positions are fenced.
func (l *serverLock) hold(ctx context.Context) error {
	for {
		if err := wait(ctx, lockCheck); err != nil {
			return err
		}
		if err := l.conn.Ping(ctx); err == nil {
			continue
		}
		if err := l.retake(ctx); err != nil {
			return err
		}
	}
}

func (l *serverLock) retake(ctx context.Context) error {
	l.close()
	for {
		conn, err := pgx.ConnectConfig(ctx, l.config)
		if err == nil {
			l.conn = conn
			if err = catalog.LockServer(ctx, conn); err == nil {
				return nil
			}
			l.close()
			if errors.Is(err, catalog.ErrAnotherServer) {
				return err
			}
		}
		if err := wait(ctx, lockRetry); err != nil {
			return err
		}
	}
}

// close ends the connection, and with it the lock.
func (l *serverLock) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	_ = l.conn.Close(ctx)
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
