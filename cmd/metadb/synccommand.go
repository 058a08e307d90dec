package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/tracelog"
	"github.com/spf13/cobra"

	"metadb/catalog"
)

// syncFlags are the flags of metadb sync and metadb endsync.
type syncFlags struct {
	dir, source           string
	force, verbose, trace bool
	most                  float64 // of endsync: --max-unconfirmed; below 0: not given
}

// add declares the flags that both commands have.
func (f *syncFlags) add(cmd *cobra.Command) {
	addDirFlag(cmd, &f.dir)
	cmd.Flags().StringVar(&f.source, "source", "", "data source name")
	cmd.Flags().BoolVar(&f.force, "force", false, "do not prompt for confirmation")
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "verbose output")
	if os.Getenv("METADB_DEV") == "on" {
		cmd.Flags().BoolVar(&f.trace, "trace", false, "extremely verbose output: every statement that is sent")
	}
	_ = cmd.MarkFlagRequired("source")
}

// syncCommand is one run of metadb sync or metadb endsync.
type syncCommand struct {
	syncFlags
	name string // of the command
	out  io.Writer
	asks *asker

	path   string
	conf   conf
	system *pgx.ConnConfig
	conn   *pgx.Conn
	mode   int16 // of the source, when the command began
}

// runSync connects to the warehouse, looks whether the source is there, and does the
// command's work. An interruption ends only the command.
func runSync(cmd *cobra.Command, f syncFlags, do func(context.Context, *syncCommand) error) error {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	c := &syncCommand{syncFlags: f, name: cmd.Name(), out: cmd.ErrOrStderr()}
	c.asks = newAsker(cmd.InOrStdin(), c.out, f.force)
	var err error
	if c.path, err = dataDir(f.dir); err != nil {
		return err
	}
	if c.conf, err = readConf(c.path); err != nil {
		return err
	}
	if c.system, err = c.conf.system(); err != nil {
		return err
	}
	if f.trace {
		c.system.Tracer = &tracelog.TraceLog{Logger: tracelog.LoggerFunc(c.traced), LogLevel: tracelog.LogLevelTrace}
	}
	own := c.system.Copy()
	own.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { c.detail("%s", n.Message) }
	if c.conn, err = pgx.ConnectConfig(ctx, own); err != nil {
		return fmt.Errorf("connect to the warehouse: %w", err)
	}
	defer func() { _ = c.conn.Close(context.WithoutCancel(ctx)) }()
	if c.mode, err = catalog.ReadSyncMode(ctx, c.conn, f.source); err != nil {
		if errors.Is(err, catalog.ErrNoSource) {
			return fmt.Errorf("data source \"%s\" does not exist", f.source)
		}
		return explain(err)
	}
	err = do(ctx, c)
	var status *exitStatus
	if ctx.Err() != nil && err != nil && !errors.As(err, &status) {
		return &exitStatus{exitInterrupted, errors.New("interrupted; nothing was changed")}
	}
	return err
}

// say writes a line as Metadb 1.4 does.
func (c *syncCommand) say(format string, args ...any) {
	_, _ = fmt.Fprintf(c.out, "metadb: "+c.name+": "+format+"\n", args...)
}

// detail writes a line of the verbose output.
func (c *syncCommand) detail(format string, args ...any) {
	if c.verbose || c.trace {
		c.say(format, args...)
	}
}

// traced writes what was sent to PostgreSQL, without the values of parameters.
func (c *syncCommand) traced(_ context.Context, _ tracelog.LogLevel, msg string, data map[string]any) {
	_, _ = fmt.Fprintln(c.out, "metadb: trace: "+oneLine(fmt.Sprint(msg, " ", data["time"], " ", data["sql"], " ", data["err"])))
}

// log is where the work's own lines go while no server runs.
func (c *syncCommand) log() *slog.Logger {
	level := slog.LevelWarn
	if c.verbose {
		level = slog.LevelInfo
	}
	if c.trace {
		level = slog.LevelDebug
	}
	return newLogging(c.out, level).Logger
}

// request runs a statement that makes a request, and returns the request. It is too
// short to be interrupted, and what has come of it must be known.
func (c *syncCommand) request(ctx context.Context, sql string, args ...any) (int64, error) {
	ctx = context.WithoutCancel(ctx)
	var id int64
	err := pgx.BeginFunc(ctx, c.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sql, args...); err != nil {
			return err
		}
		return tx.QueryRow(ctx, "SELECT metadb.own_request()").Scan(&id)
	})
	return id, asRefusal(err)
}

// asRefusal gives what a statement refuses as long as things are as they are its exit
// code.
func asRefusal(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	text := pg.Message
	if pg.Detail != "" {
		text += ": " + pg.Detail
	}
	if pg.Code == "55000" || pg.Code == "55006" {
		return refused("%s", text)
	}
	return fmt.Errorf("%s (SQLSTATE %s)", text, pg.Code)
}
