package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"metadb/catalog"
	"metadb/catalog/secret"
	"metadb/console"
	"metadb/streamer"
)

// poolSize bounds the server's own connections, beside one per source and one per
// client.
const poolSize = 8

// serve runs the server on a warehouse until ctx ends.
func serve(ctx context.Context, c conf, f startFlags, log *logging) (err error) {
	log.Info("starting Metadb " + version)
	if info, err := os.Stat(c.SecretsDirectory); err == nil && info.Mode().Perm()&0o077 != 0 {
		log.Warn("directory of secrets is open to other users of this machine", "directory", c.SecretsDirectory, "mode", info.Mode().Perm().String())
	}
	system, err := c.system()
	if err != nil {
		return err
	}
	lock, err := takeWarehouse(ctx, c, system)
	if err != nil {
		return err
	}
	defer func() { lock.close() }()
	poolConfig, err := pgxpool.ParseConfig(system.ConnString())
	if err != nil {
		return fmt.Errorf("connection settings: %w", err)
	}
	poolConfig.MaxConns = poolSize
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer pool.Close()
	cat := catalog.New(pool)
	if err := cat.Started(ctx, version); err != nil {
		return err
	}
	stop := keepLog(ctx, cat, log)
	defer func() { stop(err) }()
	pulse := console.NewPulse(streamLoop)
	sealer, err := cat.Sealer(ctx)
	if err != nil {
		return err
	}
	sql, err := openSQLPort(ctx, c, f.port, cat, sealer, log.Logger)
	if err != nil {
		return err
	}
	watch, err := newWatching(ctx, f.http, cat, pulse, log, log.count.lines, sql.activity.outcomes)
	if err != nil {
		return err
	}
	streams := streamer.New(streamer.Options{
		Catalog: cat, Warehouse: system, Log: log.Logger, Secrets: secret.NewStore(c.SecretsDirectory).Sealed(sealer), Reached: failpoint(),
		Beat: func() { pulse.Beat(streamLoop) },
	})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return sql.serve(ctx) })
	group.Go(func() error { return streams.Run(ctx) })
	group.Go(func() error { return watch.run(ctx) })
	group.Go(func() error { return lock.hold(ctx) })
	log.Info("server is ready to accept connections")
	err = group.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 500*time.Millisecond)
	defer cancel()
	if err := cat.Stopped(last); err != nil {
		log.Debug("cannot record the stop", "error", err.Error())
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	log.Info("server is shut down")
	return nil
}

// keepLog stores the log's lines until the returned function is called, which also
// stores the last ones and what the server ends with.
func keepLog(ctx context.Context, cat *catalog.Catalog, log *logging) (stop func(error)) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- log.store.run(ctx, cat, log.Logger) }()
	return func(fatal error) {
		if fatal != nil && !errors.Is(fatal, context.Canceled) {
			_ = log.store.Handle(ctx, slog.NewRecord(time.Now(), levelFatal, fatal.Error(), 0))
		}
		cancel()
		<-done
	}
}

// takeWarehouse brings the catalog up to date and takes the lock that makes this
// the warehouse's only server.
func takeWarehouse(ctx context.Context, c conf, system *pgx.ConnConfig) (*serverLock, error) {
	conn, err := pgx.ConnectConfig(ctx, system)
	if err != nil {
		return nil, fmt.Errorf("connect to the warehouse: %w", err)
	}
	l := &serverLock{config: system, conn: conn}
	if err := catalog.LockServer(ctx, conn); err != nil {
		l.close()
		return nil, err
	}
	err = catalog.Initialize(ctx, conn, func(ctx context.Context) (*pgx.Conn, error) {
		super, err := c.super()
		if err != nil {
			return nil, err
		}
		return pgx.ConnectConfig(ctx, super)
	})
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}
