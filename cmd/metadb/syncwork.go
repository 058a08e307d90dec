package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"metadb/catalog"
	"metadb/catalog/secret"
	"metadb/streamer"
)

// syncWork is who does what a request asks for: the server, if one runs, else this
// command, which keeps servers out meanwhile.
type syncWork struct {
	*syncCommand
	running bool // a server runs
	pid     *pidLock
	lock    *serverLock
	pool    *pgxpool.Pool
}

// undecided bounds how long neither a server reports nor its locks are free, as when
// one starts or ends at this moment.
const undecided = 20 * time.Second

// openWork finds out who does the work.
func (c *syncCommand) openWork(ctx context.Context) (*syncWork, error) {
	for deadline := time.Now().Add(undecided); ; {
		pid, locked := lockPID(c.path)
		var other *lockedError
		if locked != nil && !errors.As(locked, &other) {
			return nil, locked
		}
		if locked == nil {
			free, err := catalog.ServerLockFree(ctx, c.conn)
			if err == nil && free {
				return c.openDirect(ctx, pid)
			}
			pid.release()
			if err != nil {
				return nil, err
			}
			locked = catalog.ErrAnotherServer
		}
		server, err := catalog.ReadServerStatus(ctx, c.conn)
		switch {
		case err != nil:
			return nil, explain(err)
		case server.Running:
			c.detail("a server is running and does the work")
			return &syncWork{syncCommand: c, running: true}, nil
		case time.Now().After(deadline):
			return nil, locked
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// openDirect takes the warehouse as a server does, and brings its catalog up to date.
func (c *syncCommand) openDirect(ctx context.Context, pid *pidLock) (*syncWork, error) {
	c.detail("no server is running; the work is done here")
	w := &syncWork{syncCommand: c, pid: pid}
	var err error
	if w.lock, err = takeWarehouse(ctx, c.conf, c.system); err != nil {
		w.close()
		return nil, err
	}
	config, err := pgxpool.ParseConfig(c.system.ConnString())
	if err != nil {
		w.close()
		return nil, fmt.Errorf("connection settings: %w", err)
	}
	config.ConnConfig.Tracer = c.system.Tracer
	config.MaxConns = poolSize
	if w.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		w.close()
		return nil, fmt.Errorf("connect: %w", err)
	}
	return w, nil
}

func (w *syncWork) close() {
	if w.pool != nil {
		w.pool.Close()
	}
	if w.lock != nil {
		w.lock.close()
	}
	if w.pid != nil {
		w.pid.release()
	}
}

// attend does what open requests ask for, unless a server does.
func (w *syncWork) attend(ctx context.Context) error {
	if w.running {
		return nil
	}
	cat := catalog.New(w.pool)
	sealer, err := cat.Sealer(ctx)
	if err != nil {
		return err
	}
	return streamer.Attend(ctx, streamer.Options{
		Catalog: cat, Warehouse: w.system, Log: w.log(),
		Secrets: secret.NewStore(w.conf.SecretsDirectory).Sealed(sealer), Reached: failpoint(),
	}, w.source)
}

// finish sees a request to its end, and shows how far it is. Without a server, what
// the request waits for may be out of reach: then it stays, and pending says so.
func (w *syncWork) finish(ctx context.Context, id int64) (pending error, err error) {
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	worked := make(chan error, 1)
	go func() { worked <- w.attend(working) }()
	show := newSyncProgress(w.syncCommand)
	defer show.close()
	var done <-chan error = worked
	if w.running {
		done = nil
	}
	for {
		p, err := catalog.ReadRequestProgress(ctx, w.conn, id)
		switch {
		case ctx.Err() != nil:
			cancel()
			<-worked
			return nil, w.interrupted(id)
		case err != nil:
			return nil, err
		case p.State == "failed":
			return nil, refused("%s", p.Detail)
		case p.State == "done" || p.State == "":
			show.done(p)
			cancel()
			if err := <-worked; err != nil && !errors.Is(err, context.Canceled) {
				w.detail("%s", err)
			}
			return nil, nil
		}
		show.look(p, w.running)
		select {
		case err := <-done:
			done = nil
			worked <- err // for whoever waits for the end
			if ctx.Err() != nil {
				continue
			}
			// The request may have ended nevertheless.
			if p, again := catalog.ReadRequestProgress(ctx, w.conn, id); again == nil && (p.State == "waiting" || p.State == "running") {
				if err == nil {
					err = errors.New("it could not be done without a server")
				}
				return err, nil
			}
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// interrupted says what becomes of a request whose command was interrupted.
func (w *syncWork) interrupted(id int64) error {
	if w.running {
		return &exitStatus{exitInterrupted, fmt.Errorf("interrupted; the server goes on with request %d (LIST requests)", id)}
	}
	return &exitStatus{exitInterrupted, fmt.Errorf("interrupted; request %d stays, and the server goes on with it when it is started", id)}
}

// terminal says whether lines of progress are redrawn.
func (c *syncCommand) terminal() bool {
	f, ok := c.out.(*os.File)
	return ok && isTerminal(f)
}
