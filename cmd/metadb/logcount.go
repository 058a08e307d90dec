package main

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
)

// logCount is a handler that counts lines by level, for /metrics.
type logCount struct{ lines *prometheus.CounterVec }

func newLogCount() *logCount {
	c := &logCount{lines: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "metadb_log_messages_total", Help: "Lines written to the log.",
	}, []string{"level"})}
	for _, l := range []slog.Level{slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		c.lines.WithLabelValues(levelName(l))
	}
	return c
}

// Enabled reports whether lines of the level are counted.
func (c *logCount) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

// Handle counts one line.
func (c *logCount) Handle(_ context.Context, r slog.Record) error {
	c.lines.WithLabelValues(levelName(r.Level)).Inc()
	return nil
}

// WithAttrs returns the handler itself.
func (c *logCount) WithAttrs([]slog.Attr) slog.Handler { return c }

// WithGroup returns the handler itself.
func (c *logCount) WithGroup(string) slog.Handler { return c }
