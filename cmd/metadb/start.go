package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// startFlags are the flags of metadb start.
type startFlags struct {
	dir, logFile string
	http         string
	port         int
	uuopt, debug bool
	memlimit     float64
}

func newStart() *cobra.Command {
	var f startFlags
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Start the server",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return start(cmd.Context(), f, cmd.ErrOrStderr())
		},
	}
	addDirFlag(cmd, &f.dir)
	cmd.Flags().StringVarP(&f.logFile, "log", "l", "", "log file name (default: standard error)")
	cmd.Flags().IntVarP(&f.port, "port", "p", 8550, "port to listen on")
	cmd.Flags().StringVar(&f.http, "http", "", "address for /metrics, /healthz and /readyz, such as 127.0.0.1:8551 (default: none)")
	cmd.Flags().BoolVar(&f.uuopt, "uuopt", false, "accepted for Metadb 1.4; unnecessary updates are always left out")
	cmd.Flags().BoolVar(&f.debug, "debug", false, "log detailed information")
	cmd.Flags().Float64Var(&f.memlimit, "memlimit", 1, "soft limit of memory in GiB")
	return cmd
}

// start runs the server until it is told to stop.
func start(ctx context.Context, f startFlags, stderr io.Writer) error {
	dir, err := dataDir(f.dir)
	if err != nil {
		return err
	}
	out := stderr
	if f.logFile != "" {
		file, err := os.OpenFile(f.logFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("open log file: %w", err)
		}
		defer file.Close()
		out = file
	}
	level := slog.LevelInfo
	if f.debug {
		level = slog.LevelDebug
	}
	log := newLogging(out, level)
	debug.SetMemoryLimit(int64(min(max(f.memlimit, 0.122), 16) * (1 << 30)))
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := startLocked(ctx, dir, f, log); err != nil {
		log.Log(context.WithoutCancel(ctx), levelFatal, err.Error())
		if f.logFile == "" {
			return errors.New("server stopped: could not start server")
		}
		return fmt.Errorf("server stopped: %w", err)
	}
	return nil
}

// startLocked serves a data directory that no other server may serve meanwhile.
func startLocked(ctx context.Context, dir string, f startFlags, log *logging) error {
	lock, err := lockPID(dir)
	if err != nil {
		return err
	}
	defer lock.release()
	c, err := readConf(dir)
	if err != nil {
		return err
	}
	warnReadable(dir, log)
	return serve(ctx, c, f, log)
}
