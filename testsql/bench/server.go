package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"metadb/testsql/process"
)

// Bounds of waiting for the server to come one commit further.
const (
	stallWait = time.Minute
	pollPause = 5 * time.Millisecond
)

// runMetadb measures the server from CREATE DATA SOURCE to the end of a topic.
func (b *bench) runMetadb(ctx context.Context, program string, db *database, topic work) (outcome, error) {
	s, err := b.startServer(ctx, program, db)
	if err != nil {
		return outcome{}, err
	}
	defer s.remove()
	watch, err := pgx.Connect(ctx, db.url())
	if err != nil {
		return outcome{}, err
	}
	defer func() { _ = watch.Close(ctx) }()
	began := time.Now()
	err = s.exec(ctx, fmt.Sprintf("CREATE DATA SOURCE bench TYPE kafka OPTIONS (brokers '%s', security 'plaintext', "+
		"topics '^%s$', consumer_group 'bench-%s')", b.broker.Addr, strings.ReplaceAll(topic.name, ".", `\.`), db.name))
	if err != nil {
		return outcome{}, fmt.Errorf("create data source: %w", err)
	}
	var p progress
	last := time.Now()
	for tick := time.NewTicker(pollPause); ; {
		var next int64
		err := watch.QueryRow(ctx, "SELECT coalesce(sum(next), 0)::bigint FROM metadb.source_offset").Scan(&next)
		if err != nil {
			return outcome{}, err
		}
		before := len(p)
		p.add(next)
		if len(p) > before {
			last = time.Now()
		}
		if next >= topic.end {
			tick.Stop()
			break
		}
		if time.Since(last) > stallWait {
			return outcome{}, fmt.Errorf("the server stopped at record %d of %d:\n%s", next, topic.end, s.Tail())
		}
		select {
		case <-tick.C:
		case <-s.Exited():
			return outcome{}, s.Err()
		case <-ctx.Done():
			return outcome{}, ctx.Err()
		}
	}
	o := p.rates(topic.snapshot, topic.end)
	o.start = p[0].at.Sub(began)
	if _, o.peak, err = s.Memory(); err != nil {
		return outcome{}, err
	}
	if err := s.Stop(); err != nil {
		return outcome{}, err
	}
	o.cpu = float64(s.CPU().Microseconds()) / float64(topic.end)
	return o, nil
}

// server is the process that is measured, with a data directory of its own.
type server struct {
	*process.Server
	dir   string
	front string // address for clients
}

// startServer makes a data directory and returns when the server on it accepts
// connections.
func (b *bench) startServer(ctx context.Context, program string, db *database) (s *server, err error) {
	s = &server{}
	if s.dir, err = os.MkdirTemp("", "metadb-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(s.dir))
		}
	}()
	data, log := filepath.Join(s.dir, "data"), b.serverLog
	if log == "" {
		log = filepath.Join(s.dir, "server.log")
	}
	w := process.In(db.warehouse.server, db.name)
	if err := process.Init(ctx, program, data, w); err != nil {
		return nil, err
	}
	port, err := process.FreePort(ctx, 0)
	if err != nil {
		return nil, err
	}
	s.front = w.Through(port)
	s.Server, err = process.Start(ctx, program, data, log, port)
	return s, err
}

// exec runs a statement through the server's front end.
func (s *server) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.front)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.PgConn().Exec(ctx, sql).ReadAll()
	return err
}

// remove ends the server, if it runs, and removes its directory.
func (s *server) remove() {
	s.Kill()
	_ = os.RemoveAll(s.dir)
}
