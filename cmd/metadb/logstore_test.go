package main

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"metadb/catalog"
	"metadb/testsql/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// storedLog is a log store with a logger that writes into it alone.
func storedLog() (*logStore, *slog.Logger) {
	s := newLogStore()
	return s, slog.New(s)
}

// TestLogStoreNeverWaits logs more than the queue holds while nobody stores it:
// the oldest of what was kept for PostgreSQL goes first, and all is counted.
func TestLogStoreNeverWaits(t *testing.T) {
	t.Parallel()
	s, log := storedLog()
	for range logQueue + 100 {
		log.Info("x")
	}
	if n := s.lost.Load(); n != 100 {
		t.Errorf("%d lines lost, want 100", n)
	}
	kept := s.take(nil)
	log.Error("last")
	if kept = s.take(kept); len(kept) != logQueue || kept[len(kept)-1].Message != "last" || s.lost.Load() != 101 {
		t.Errorf("%d lines kept, %d lost", len(kept), s.lost.Load())
	}
}

// TestLogStoreLines stores what is not debugging, as text that PostgreSQL takes.
func TestLogStoreLines(t *testing.T) {
	t.Parallel()
	s, log := storedLog()
	log.Debug("not stored")
	log.With("source", "s").Warn("bad\x00\xffname\nnext", "offset", 7)
	log.Info(strings.Repeat("é", logLine))
	lines := s.take(nil)
	if len(lines) != 2 || lines[0].Severity != "WARNING" || lines[0].Message != "bad\uFFFD\uFFFDname next source=s offset=7" {
		t.Fatalf("%q", lines)
	}
	if n := len(lines[1].Message); n > logLine+10 || !strings.HasSuffix(lines[1].Message, "é …") {
		t.Errorf("%d bytes of a long line", n)
	}
}

// TestLogStoreWithoutWarehouse runs the store against a server that is not there:
// lines are kept and the end is quick.
func TestLogStoreWithoutWarehouse(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres://u@127.0.0.1:1/d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s, log := storedLog()
	log.Info("kept")
	cat, quiet := catalog.New(pool), slog.New(slog.DiscardHandler)
	if kept := s.write(t.Context(), time.Second, cat, s.take(nil), quiet); len(kept) != 1 || kept[0].Message != "kept" {
		t.Errorf("%q", kept)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.run(ctx, cat, quiet); err != nil {
		t.Error(err)
	}
}
