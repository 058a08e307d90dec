package main

import (
	"context"
	"fmt"
	"net"

	"github.com/prometheus/client_golang/prometheus"

	"metadb/catalog"
	"metadb/console"
)

// streamLoop is the name of the streamer's loop in /healthz.
const streamLoop = "streamer"

// watching is what serves --http; nil without that flag.
type watching struct {
	listener net.Listener
	server   *console.Server
}

// newWatching listens on an address such as 127.0.0.1:8551. It shows the metrics
// beside those of the catalog.
func newWatching(ctx context.Context, addr string, cat *catalog.Catalog, pulse *console.Pulse, l *logging, metrics ...prometheus.Collector) (*watching, error) {
	if addr == "" {
		return nil, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for HTTP on %s: %w", addr, err)
	}
	return &watching{listener, console.New(console.Options{
		Catalog: cat, Version: version, Pulse: pulse, Metrics: metrics, Log: l.Logger,
	})}, nil
}

// run serves until ctx ends.
func (w *watching) run(ctx context.Context) error {
	if w == nil {
		<-ctx.Done()
		return nil
	}
	return w.server.Serve(ctx, w.listener)
}
