package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"metadb/catalog"
)

// Bounds of a request: reading its header, looking at the catalog, and how long
// one under way may go on when the server ends.
const (
	headerTime = 5 * time.Second
	lookTime   = 5 * time.Second
	closeTime  = 500 * time.Millisecond
)

// Options are what a Server is made of; all must be set.
type Options struct {
	Catalog *catalog.Catalog
	Version string
	Pulse   *Pulse
	// Metrics are collected beside those of the catalog.
	Metrics []prometheus.Collector
	Log     *slog.Logger
}

// Server answers /metrics, /healthz and /readyz.
type Server struct {
	opt      Options
	registry *prometheus.Registry
}

// New returns a Server; Serve starts it.
func New(opt Options) *Server {
	s := &Server{opt: opt, registry: newRegistry(opt)}
	return s
}

// Handler is what the server answers with. Paths beside the known ones are not
// found.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{
		ErrorLog: printer{s.opt.Log}, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4,
	}))
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	return mux
}

// Serve answers requests until ctx ends, and closes the listener. Its errors are
// those of the listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: headerTime, ReadTimeout: headerTime,
		ErrorLog: slog.NewLogLogger(s.opt.Log.Handler(), slog.LevelDebug),
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
		defer cancel()
		if server.Shutdown(last) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(listener)
	if !stop() {
		<-ended
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve http: %w", err)
}

// printer takes what promhttp has to say of a failed scrape.
type printer struct{ log *slog.Logger }

// Println writes a line at the level of warnings.
func (p printer) Println(v ...any) { p.log.Warn("metrics", "error", fmt.Sprint(v...)) }
