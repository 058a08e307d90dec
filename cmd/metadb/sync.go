package main

import (
	"context"

	"github.com/spf13/cobra"

	"metadb/catalog"
)

func newSync() *cobra.Command {
	var f syncFlags
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Begin synchronization of a data source with a new snapshot",
		Long: "Begin synchronization of a data source with a new snapshot, as SYNC DATA SOURCE does.\n" +
			"A running server does it; without one, the command does.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSync(cmd, f, beginSync) },
	}
	f.add(cmd)
	return cmd
}

// beginSync begins a synchronization.
func beginSync(ctx context.Context, c *syncCommand) error {
	if c.mode != catalog.SyncNone {
		_, err := c.out.Write([]byte("WARNING: Synchronization in progress for data source \"" + c.source + "\".\n"))
		if err != nil {
			return err
		}
		if err := c.asks.ask(ctx, "Interrupt and restart synchronization with new snapshot? "); err != nil {
			return err
		}
	}
	if err := c.asks.ask(ctx, "Begin synchronization process for data source \""+c.source+"\"? "); err != nil {
		return err
	}
	w, err := c.openWork(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	c.say("preparing tables for new snapshot")
	id, err := c.request(ctx, "CALL metadb.sync_data_source($1)", c.source)
	if err != nil {
		return err
	}
	pending, err := w.finish(ctx, id)
	if err != nil {
		return err
	}
	if pending != nil {
		return &exitStatus{exitPending, pendingError(id, pending)}
	}
	c.say("completed")
	return nil
}
