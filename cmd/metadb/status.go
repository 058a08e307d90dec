package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"metadb/catalog"
)

// statusFlags are the flags of metadb status.
type statusFlags struct {
	dir    string
	source string
	json   bool
	watch  time.Duration
}

// watchDefault is what --watch means without a value; watchLeast is its least.
const (
	watchDefault = 2 * time.Second
	watchLeast   = 100 * time.Millisecond
	statusTime   = 10 * time.Second
)

func newStatus() *cobra.Command {
	var f statusFlags
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the server and its data sources",
		Long: "Show the server and its data sources, as LIST STATUS does. The warehouse is asked,\n" +
			"with the system user of metadb.conf: the server need not run.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return status(cmd.Context(), f, cmd.OutOrStdout()) },
	}
	addDirFlag(cmd, &f.dir)
	cmd.Flags().StringVar(&f.source, "source", "", "only this data source")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON, with --watch one object a line")
	cmd.Flags().DurationVar(&f.watch, "watch", 0, "look again and again, after this time (without a value: 2s)")
	cmd.Flags().Lookup("watch").NoOptDefVal = watchDefault.String()
	return cmd
}

// overview is what status shows, and its form in JSON.
type overview struct {
	Time    time.Time              `json:"time"`
	Server  catalog.ServerStatus   `json:"server"`
	Sources []catalog.SourceStatus `json:"sources"`
}

// status prints the state once, or until it is interrupted.
func status(ctx context.Context, f statusFlags, out io.Writer) error {
	dir, err := dataDir(f.dir)
	if err != nil {
		return err
	}
	c, err := readConf(dir)
	if err != nil {
		return err
	}
	if f.watch != 0 && f.watch < watchLeast {
		return fmt.Errorf("--watch: at least %s", watchLeast)
	}
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	config, err := c.system()
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect to the warehouse: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	screen := newScreen(out)
	for {
		o, err := look(ctx, conn, f.source)
		switch {
		case ctx.Err() != nil && f.watch != 0:
			return nil
		case err != nil:
			return err
		}
		if err := screen.show(o, f); err != nil || f.watch == 0 {
			return err
		}
		if wait(ctx, f.watch) != nil {
			return nil
		}
	}
}

// look reads the state.
func look(ctx context.Context, conn *pgx.Conn, source string) (*overview, error) {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	o := &overview{Time: time.Now().UTC().Truncate(time.Millisecond), Sources: []catalog.SourceStatus{}}
	var err error
	if o.Server, err = catalog.ReadServerStatus(ctx, conn); err != nil {
		return nil, explain(err)
	}
	all, err := catalog.ReadSourceStatuses(ctx, conn)
	if err != nil {
		return nil, explain(err)
	}
	for _, s := range all {
		if source == "" || s.Name == source {
			o.Sources = append(o.Sources, s)
		}
	}
	if source != "" && len(o.Sources) == 0 {
		return nil, fmt.Errorf("data source \"%s\" does not exist", source)
	}
	return o, nil
}

// explain says what a missing catalog means.
func explain(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "42P01" || pg.Code == "3F000" || pg.Code == "42703") {
		return errors.New("the database has no catalog of this version; start the server to make it")
	}
	return err
}

// screen is where the state is shown: in place on a terminal, else one after the other.
type screen struct {
	out      io.Writer
	terminal bool
	shown    bool
}

func newScreen(out io.Writer) *screen {
	f, ok := out.(*os.File)
	return &screen{out: out, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

// show prints the state.
func (s *screen) show(o *overview, f statusFlags) error {
	text := ""
	switch {
	case f.json:
		encode := json.Marshal
		if f.watch == 0 {
			encode = func(v any) ([]byte, error) { return json.MarshalIndent(v, "", "  ") }
		}
		line, err := encode(o)
		if err != nil {
			return err
		}
		text = string(line) + "\n"
	case f.watch != 0 && s.terminal:
		text = "\x1b[H\x1b[2J" + statusTable(o)
	case s.shown:
		text = "\n" + statusTable(o)
	default:
		text = statusTable(o)
	}
	s.shown = true
	_, err := io.WriteString(s.out, text)
	return err
}
