package main

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
)

// levelFatal is for the line that says why the server could not start.
const levelFatal = slog.Level(12)

// logging is a server's log: its lines are written, counted and stored.
type logging struct {
	*slog.Logger
	count *logCount
	store *logStore
}

func newLogging(w io.Writer, level slog.Level) *logging {
	l := &logging{count: newLogCount(), store: newLogStore()}
	l.Logger = slog.New(slog.NewMultiHandler(newLogHandler(w, level), l.count, l.store))
	return l
}

// logHandler writes lines as Metadb 1.4 does, "2026-11-21 01:51:59 UTC  INFO:
// message", with the attributes behind the message.
type logHandler struct {
	level slog.Level
	attrs string
	out   *lockedWriter
}

// lockedWriter lets one line out at a time.
type lockedWriter struct {
	// mu guards w.
	mu sync.Mutex
	w  io.Writer
}

func newLogHandler(w io.Writer, level slog.Level) *logHandler {
	return &logHandler{level: level, out: &lockedWriter{w: w}}
}

// Enabled reports whether lines of the level are written.
func (h *logHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

// Handle writes one line.
func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	line := r.Time.UTC().Format("2006-01-02 15:04:05 UTC") + "  " + levelName(r.Level) + ":  " + text(r, h.attrs) + "\n"
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	_, err := io.WriteString(h.out.w, line)
	return err
}

// text is a message with the attributes behind it, on one line.
func text(r slog.Record, attrs string) string {
	var b strings.Builder
	b.WriteString(oneLine(r.Message) + attrs)
	r.Attrs(func(a slog.Attr) bool {
		b.WriteString(formatAttr(a))
		return true
	})
	return b.String()
}

// WithAttrs returns a handler that adds attributes to each line.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	for _, a := range attrs {
		c.attrs += formatAttr(a)
	}
	return &c
}

// WithGroup returns the handler itself: attribute names are not nested.
func (h *logHandler) WithGroup(string) slog.Handler { return h }

func levelName(l slog.Level) string {
	if l >= levelFatal {
		return "FATAL"
	}
	if l == slog.LevelWarn {
		return "WARNING"
	}
	return l.String()
}

func formatAttr(a slog.Attr) string {
	v := a.Value.Resolve()
	text := v.String()
	if v.Kind() == slog.KindTime {
		text = v.Time().UTC().Format(time.RFC3339Nano)
	}
	if text == "" || strings.ContainsAny(text, " =\"\n\t") {
		text = strconv.Quote(text)
	}
	return " " + a.Key + "=" + text
}

// oneLine keeps a message on its line.
func oneLine(s string) string { return strings.ReplaceAll(s, "\n", " ") }
