package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"metadb/catalog"
)

// Bounds of what waits to be stored in metadb.log, and how it is stored.
const (
	logQueue     = 2000                   // lines; more are dropped and counted
	logLine      = 8000                   // bytes of a message
	logEvery     = time.Second            // between two writes
	logWriteTime = 5 * time.Second        // of one write
	logLastTime  = 500 * time.Millisecond // of the last, when the server ends
	logKeep      = 90 * 24 * time.Hour
	pruneEvery   = 6 * time.Hour
)

// logStore is a handler that puts lines of level INFO and above into metadb.log,
// later and by another goroutine: it never waits for PostgreSQL, and what cannot
// be stored is dropped.
type logStore struct {
	attrs string
	queue chan catalog.LogLine
	lost  *atomic.Int64
}

func newLogStore() *logStore {
	return &logStore{queue: make(chan catalog.LogLine, logQueue), lost: new(atomic.Int64)}
}

// Enabled reports whether lines of the level are stored.
func (s *logStore) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

// Handle queues one line.
func (s *logStore) Handle(_ context.Context, r slog.Record) error {
	line := catalog.LogLine{Time: r.Time, Severity: levelName(r.Level), Message: text(r, s.attrs)}
	// PostgreSQL takes neither NUL nor broken UTF-8.
	line.Message = strings.ReplaceAll(strings.ToValidUTF8(line.Message, "\uFFFD"), "\x00", "\uFFFD")
	if len(line.Message) > logLine {
		line.Message = strings.ToValidUTF8(line.Message[:logLine], "") + " …"
	}
	select {
	case s.queue <- line:
	default:
		s.lost.Add(1)
	}
	return nil
}

// WithAttrs returns a handler that adds attributes to each line.
func (s *logStore) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *s
	for _, a := range attrs {
		c.attrs += formatAttr(a)
	}
	return &c
}

// WithGroup returns the handler itself: attribute names are not nested.
func (s *logStore) WithGroup(string) slog.Handler { return s }

// run stores queued lines until ctx ends, and then what is left. log is told what
// fails; at debug level, for such lines must not be queued themselves.
func (s *logStore) run(ctx context.Context, cat *catalog.Catalog, log *slog.Logger) error {
	tick, prune := time.NewTicker(logEvery), time.NewTicker(pruneEvery)
	defer tick.Stop()
	defer prune.Stop()
	s.prune(ctx, cat, log)
	var kept []catalog.LogLine
	for {
		select {
		case <-ctx.Done():
			s.write(context.WithoutCancel(ctx), logLastTime, cat, s.take(kept), log)
			return nil
		case <-prune.C:
			s.prune(ctx, cat, log)
		case <-tick.C:
			kept = s.write(ctx, logWriteTime, cat, s.take(kept), log)
		}
	}
}

// take adds the queued lines to those that could not be stored before, and drops
// the oldest when there are too many.
func (s *logStore) take(kept []catalog.LogLine) []catalog.LogLine {
	for {
		select {
		case line := <-s.queue:
			kept = append(kept, line)
			continue
		default:
		}
		if over := len(kept) - logQueue; over > 0 {
			s.lost.Add(int64(over))
			kept = kept[over:]
		}
		return kept
	}
}

// write stores lines and returns those that it could not.
func (s *logStore) write(ctx context.Context, patience time.Duration, cat *catalog.Catalog, lines []catalog.LogLine, log *slog.Logger) []catalog.LogLine {
	lost := s.lost.Load()
	if lost > 0 {
		lines = append(lines, catalog.LogLine{
			Time: time.Now(), Severity: levelName(slog.LevelWarn), Message: fmt.Sprintf("%d lines of the log were not stored here", lost),
		})
	}
	if len(lines) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := cat.StoreLog(ctx, lines); err != nil {
		log.Debug("cannot store log lines", "error", err.Error())
		if lost > 0 {
			lines = lines[:len(lines)-1] // counted anew the next time
		}
		return lines
	}
	s.lost.Add(-lost)
	return nil
}

func (s *logStore) prune(ctx context.Context, cat *catalog.Catalog, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if n, err := cat.PruneLog(ctx, logKeep); err != nil {
		log.Debug("cannot prune the log", "error", err.Error())
	} else if n > 0 {
		log.Debug("log pruned", "lines", n)
	}
}
