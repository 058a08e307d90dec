package console

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"metadb/catalog"
	"metadb/testsql/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// watched is a console over a catalog with one source that has reported.
func watched(t *testing.T) (*Server, *pgxpool.Pool) {
	t.Helper()
	db := pgtest.Prepared(t, catalog.Initialize)
	pool := db.Pool(t)
	cat := catalog.New(pool)
	if err := cat.Started(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `CALL metadb.create_data_source('shop "1"', 'kafka', '{brokers,b,security,plaintext}')`); err != nil {
		t.Fatal(err)
	}
	lag := int64(7)
	err := cat.ReportStatus(t.Context(), `shop "1"`, catalog.Status{
		State: catalog.StateActive, Lag: &lag, LagSince: time.Now().Add(-time.Hour), LastEvent: time.Unix(1_700_000_000, 0), Partitions: 3,
	}, 42, catalog.Counts{})
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{Catalog: cat, Version: "1.2", Pulse: NewPulse("a"), Log: slog.New(slog.DiscardHandler)}), pool
}

// get asks the console.
func get(t *testing.T, s *Server, path string) (code int, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	s, pool := watched(t)
	code, body := get(t, s, "/metrics")
	if code != http.StatusOK {
		t.Fatalf("%d: %s", code, body)
	}
	for _, line := range []string{
		`metadb_warehouse_up 1`,
		`metadb_build_info{goversion="go[^"]*",version="1.2"} 1`,
		`metadb_source_state{source="shop \\"1\\"",state="active"} 1`,
		`metadb_source_state{source="shop \\"1\\"",state="error"} 0`,
		`metadb_source_events_total{source="shop \\"1\\""} 42`,
		`metadb_source_lag_events{source="shop \\"1\\""} 7`,
		`metadb_source_lag_seconds{source="shop \\"1\\""} 36\d\d(\.\d)?`,
		`metadb_source_partitions{source="shop \\"1\\""} 3`,
		`metadb_source_dead_letters{source="shop \\"1\\""} 0`,
		`metadb_source_unsynchronized{source="shop \\"1\\""} 0`,
		`metadb_source_last_event_timestamp_seconds{source="shop \\"1\\""} 1.7e\+09`,
	} {
		if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(body) {
			t.Errorf("no line %s in\n%s", line, body)
		}
	}
	problems, err := testutil.GatherAndLint(s.registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("not as Prometheus names metrics: %v %v", problems, err)
	}
	pool.Close()
	code, body = get(t, s, "/metrics")
	if code != http.StatusOK || !strings.Contains(body, "metadb_warehouse_up 0") || strings.Contains(body, "metadb_source_") {
		t.Errorf("without the warehouse: %d:\n%s", code, body)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	s, pool := watched(t)
	if code, body := get(t, s, "/readyz"); code != http.StatusOK || body != "ok\nsource \"shop \\\"1\\\"\" active\n" {
		t.Errorf("readyz: %d %q", code, body)
	}
	pool.Close()
	if code, body := get(t, s, "/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("readyz without the warehouse: %d %q", code, body)
	}
	if code, body := get(t, s, "/healthz"); code != http.StatusOK || body != "ok\n" {
		t.Errorf("healthz asks the warehouse: %d %q", code, body)
	}
	now := time.Unix(0, 0)
	s.opt.Pulse = newPulse(func() time.Time { return now }, "streamer", "other")
	now = now.Add(beatWait + time.Second)
	s.opt.Pulse.Beat("other")
	if code, body := get(t, s, "/healthz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "[streamer]") {
		t.Errorf("healthz of a loop that hangs: %d %q", code, body)
	}
	for _, path := range []string{"/", "/debug/pprof/", "/metrics/x"} {
		if code, _ := get(t, s, path); code != http.StatusNotFound {
			t.Errorf("%s: %d", path, code)
		}
	}
}

// TestServeEnds serves on a listener until the context ends.
func TestServeEnds(t *testing.T) {
	t.Parallel()
	s, _ := watched(t)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, listener) }()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String()+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || string(body) != "ok\n" {
		t.Errorf("%q, %v", body, err)
	}
	_ = response.Body.Close()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
