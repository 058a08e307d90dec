package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// beatWait is how long a loop of the server may be silent: longer than any of its
// waits for PostgreSQL or Kafka.
const beatWait = time.Minute

// Pulse knows when each loop of the server was last seen. A loop beats whether or
// not its work succeeds: a dead process is to be restarted, one whose database is
// away is not.
type Pulse struct {
	now func() time.Time

	// mu guards last.
	mu   sync.Mutex
	last map[string]time.Time
}

// NewPulse returns a Pulse that expects the named loops from now on.
func NewPulse(loops ...string) *Pulse { return newPulse(time.Now, loops...) }

func newPulse(now func() time.Time, loops ...string) *Pulse {
	p := &Pulse{now: now, last: make(map[string]time.Time)}
	for _, loop := range loops {
		p.Beat(loop)
	}
	return p
}

// Beat says that a loop goes round.
func (p *Pulse) Beat(loop string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last[loop] = p.now()
}

// silent names the loops that have not beaten for too long, in order.
func (p *Pulse) silent() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var loops []string
	for loop, at := range p.last {
		if p.now().Sub(at) > beatWait {
			loops = append(loops, loop)
		}
	}
	slices.Sort(loops)
	return loops
}

// healthz answers whether the process lives. It asks neither PostgreSQL nor Kafka.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	if silent := s.opt.Pulse.silent(); len(silent) > 0 {
		answer(w, http.StatusServiceUnavailable, fmt.Sprintf("no sign of life for a minute: %v\n", silent))
		return
	}
	answer(w, http.StatusOK, "ok\n")
}

// readyz answers whether clients can be served: whether PostgreSQL answers. A
// source in error is no reason to send clients away; it is listed.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), lookTime)
	defer cancel()
	sources, err := s.opt.Catalog.SourceStatuses(ctx)
	if err != nil {
		s.opt.Log.Debug("not ready", "error", err.Error())
		answer(w, http.StatusServiceUnavailable, "the warehouse cannot be read\n")
		return
	}
	text := "ok\n"
	for _, source := range sources {
		text += fmt.Sprintf("source %q %s\n", source.Name, source.State)
	}
	answer(w, http.StatusOK, text)
}

func answer(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text))
}
