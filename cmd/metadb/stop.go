package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// How long stop waits for the server to end, and how often it looks.
const (
	stopWait = 60 * time.Second
	stopPoll = 20 * time.Millisecond
)

func newStop() *cobra.Command {
	var dir string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "stop",
		Short: "Stop the server of a data directory",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			say := func(text string) {
				if verbose {
					fmt.Fprintln(cmd.ErrOrStderr(), "metadb: "+text)
				}
			}
			path, err := dataDir(dir)
			if err != nil {
				return err
			}
			return stop(cmd.Context(), path, say)
		},
	}
	addDirFlag(cmd, &dir)
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "verbose output")
	return cmd
}

// stop ends the server of a data directory, if one runs, and waits for its end.
func stop(ctx context.Context, dir string, say func(string)) error {
	pid, err := runningPID(dir)
	if err != nil {
		return err
	}
	if pid == 0 {
		say("server does not appear to be running")
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop process %d: %w", pid, err)
	}
	say("waiting for server to shut down")
	for deadline := time.Now().Add(stopWait); time.Now().Before(deadline); {
		now, err := runningPID(dir)
		if err == nil && now != pid {
			say("server stopped")
			return nil
		}
		if err := wait(ctx, stopPoll); err != nil {
			return err
		}
	}
	return errors.New("server does not shut down")
}
