package main

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"

	"metadb/parser"
	"metadb/pgwire"
)

// newFront is the SQL port: clients' connections are relayed to the warehouse,
// and Metadb's statements in them rewritten by parser.
func newFront(c conf, log *slog.Logger) *pgwire.Server {
	return pgwire.New(pgwire.Config{
		Dial:                   c.dial,
		Database:               c.Database,
		Rewrite:                rewrite,
		Calm:                   parser.Calm,
		AllowPasswordlessLocal: c.AllowPasswordlessLocal,
		Logger:                 log,
	})
}

// dial opens a client's connection to the warehouse: a directory as the host
// means the socket in it.
func (c conf) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	if filepath.IsAbs(c.Host) {
		return d.DialContext(ctx, "unix", filepath.Join(c.Host, ".s.PGSQL."+c.Port))
	}
	host := c.Host
	if host == "" {
		host = "localhost"
	}
	return d.DialContext(ctx, "tcp", net.JoinHostPort(host, c.Port))
}

// rewrite puts parser's answer into pgwire's words; the two rooms do not know
// each other.
func rewrite(text string, s pgwire.Settings) *pgwire.Rewriting {
	r := parser.Rewrite(text, parser.Settings(s))
	if r == nil {
		return nil
	}
	if r.Err != nil {
		return &pgwire.Rewriting{Text: r.Text, Malformed: &pgwire.Malformed{
			Code: r.Err.Code, Message: r.Err.Message, Hint: r.Err.Hint, Position: r.Err.Position, First: r.First,
		}}
	}
	out := &pgwire.Rewriting{Text: r.Text, Position: r.Position}
	for _, st := range r.Statements {
		out.Statements = append(out.Statements, pgwire.Statement(st))
	}
	return out
}
