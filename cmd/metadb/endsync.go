package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"metadb/catalog"
)

func newEndsync() *cobra.Command {
	f := syncFlags{most: -1}
	cmd := &cobra.Command{
		Use:   "endsync",
		Short: "End synchronization: mark records as deleted that the new snapshot has not confirmed",
		Long: "End synchronization of a data source, as ENDSYNC DATA SOURCE does: mark current records as\n" +
			"deleted that the new snapshot has not confirmed. A running server does it; without one, the command does.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("max-unconfirmed") && !(f.most >= 0 && f.most <= 100) {
				return errors.New("--max-unconfirmed: a percentage from 0 to 100")
			}
			return runSync(cmd, f, endSync)
		},
	}
	f.add(cmd)
	cmd.Flags().Float64Var(&f.most, "max-unconfirmed", -1, "let up to this percentage of the current records be marked as deleted")
	cmd.Flags().Lookup("max-unconfirmed").DefValue = "20, and no table that is not in the snapshot"
	return cmd
}

// inferring is what the end of an initial synchronization does.
const inferring = "refreshing inferred column types"

// endSync ends a synchronization.
func endSync(ctx context.Context, c *syncCommand) error {
	if c.mode == catalog.SyncNone {
		return refused("\"endsync\" can only be used in sync mode")
	}
	w, err := c.openWork(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	id, err := catalog.OpenRequest(ctx, c.conn, c.source, catalog.RequestEndsync)
	if err != nil {
		return explain(err)
	}
	if id != 0 {
		c.say("request %d is under way", id)
	} else if id, err = w.requestEndsync(ctx); err != nil {
		return err
	}
	pending, err := w.finish(ctx, id)
	if err != nil {
		return err
	}
	if pending != nil {
		return &exitStatus{exitPending, pendingError(id, pending)}
	}
	if c.mode == catalog.SyncResync {
		c.say("cleaning up sync data") // was the last step
	}
	c.say("completed")
	return nil
}

// requestEndsync asks for it, if the guard and the user agree.
func (w *syncWork) requestEndsync(ctx context.Context) (int64, error) {
	if w.mode == catalog.SyncResync {
		if err := w.confirm(ctx); err != nil {
			return 0, err
		}
	} else {
		w.say("%s", inferring)
	}
	return w.request(ctx, "CALL metadb.endsync_data_source($1, max_unconfirmed => $2)", w.source, w.maximum())
}

// maximum is --max-unconfirmed; nil if it is not given.
func (c *syncCommand) maximum() *float64 {
	if c.most < 0 {
		return nil
	}
	return &c.most
}

// confirm counts, looks at the guard, and asks.
func (w *syncWork) confirm(ctx context.Context) error {
	w.say("safety check: reading sync record counts")
	if err := w.attend(ctx); err != nil {
		if id, again := catalog.OpenRequest(ctx, w.conn, w.source, catalog.RequestSync); again == nil && id != 0 {
			return refused("the synchronization of data source \"%s\" has not begun yet: %w", w.source, err)
		}
		return err
	}
	w.say("safety check: reading current record counts")
	counts, err := w.counts(ctx)
	if err != nil {
		return err
	}
	if err := w.guard(ctx); err != nil {
		return err
	}
	if 5*counts.Unconfirmed > counts.Current {
		_, err := fmt.Fprintf(w.out, "%d%% of current records have not been confirmed by the new snapshot.\n"+
			"The unconfirmed records will be marked as deleted.\n", 100*counts.Unconfirmed/counts.Current)
		if err != nil {
			return err
		}
		if err := w.asks.ask(ctx, "Do you want to continue? "); err != nil {
			return err
		}
	}
	return w.asks.ask(ctx, "Finalize synchronization for data source \""+w.source+"\"? ")
}

// counts waits until a running server has counted.
func (w *syncWork) counts(ctx context.Context) (catalog.SyncCounts, error) {
	for {
		n, err := catalog.ReadSyncCounts(ctx, w.conn, w.source)
		if err != nil || n.Uncounted == 0 || !w.running {
			return n, explain(err)
		}
		server, err := catalog.ReadServerStatus(ctx, w.conn)
		if err != nil || !server.Running {
			return n, err
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return n, err
		}
	}
}

// guard says table by table what forbids the endsync, before the user is asked.
func (w *syncWork) guard(ctx context.Context) error {
	rows, err := w.conn.Query(ctx, `
		SELECT coalesce('table ' || name, 'the data source'), current_rows, to_close, absent
		FROM metadb.endsync_guard($1, NULL, NULL, $2::double precision::numeric) WHERE current_rows > 0`, w.source, w.maximum())
	if err != nil {
		return explain(err)
	}
	var what string
	var current, gone int64
	var absent, forbids bool
	highest := 0.0
	_, err = pgx.ForEachRow(rows, []any{&what, &current, &gone, &absent}, func() error {
		note := ""
		if absent {
			note = ", not in the snapshot"
		}
		forbids = true
		highest = max(highest, 100*float64(gone)/float64(current))
		w.say("%s: %d of %d current records not confirmed%s", what, gone, current, note)
		return nil
	})
	if err != nil {
		return explain(err)
	}
	if forbids {
		return refused("too many current records have not been confirmed by the new snapshot; nothing was changed (--max-unconfirmed %.0f would let them be marked as deleted)",
			math.Ceil(highest))
	}
	return nil
}
