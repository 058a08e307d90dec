package main

import (
	"context"
	"log/slog"
	"net"
)

// front is the SQL port.
type front struct{}

func newFront(conf, *slog.Logger) *front { return &front{} }

// Serve accepts connections until ctx ends.
func (f *front) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if err != nil {
			return ctx.Err()
		}
		_ = conn.Close()
	}
}
