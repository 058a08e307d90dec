package scenario

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"metadb/testsql/instance"
	"metadb/testsql/pgtest"
)

// lone is a server without a broker.
func lone(t *testing.T) *stage {
	t.Helper()
	db := pgtest.Database(t)
	return &stage{T: t, Instance: instance.New(t, instance.Warehouse{
		Host: db.Host, Port: db.Port, Database: db.Name, User: db.User, Password: db.Password,
	})}
}

// freeAddr is an address that nobody listens on now.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestWatching asks a running server for its metrics and its health.
func TestWatching(t *testing.T) {
	t.Parallel()
	s := lone(t)
	addr := freeAddr(t)
	s.Flags = []string{"--http", addr}
	s.Start()
	s.sql("CREATE DATA SOURCE gone TYPE kafka OPTIONS (brokers '127.0.0.1:1', security 'plaintext', topics 'x', consumer_group 'g');")
	s.sql("BEGIN; DROP DATA SOURCE gone; ROLLBACK;")
	s.until(s.Conn(), "error", "SELECT source_stream FROM metadb.status")
	for path, want := range map[string]string{
		"/metrics": `(?m)^metadb_source_state{source="gone",state="error"} 1$`,
		"/healthz": `^ok\n$`,
		"/readyz":  `^ok\nsource "gone" error\n$`,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || !regexp.MustCompile(want).Match(body) {
			t.Errorf("%s: %d, %v:\n%s", path, response.StatusCode, err, body)
		}
		if path == "/metrics" && !regexp.MustCompile(`(?m)^metadb_log_messages_total{level="ERROR"} [1-9]`).Match(body) {
			t.Errorf("errors are not counted:\n%s", body)
		}
		if path == "/metrics" && !regexp.MustCompile(`(?m)^metadb_statements_total{outcome="committed"} 1\n(.*\n)*metadb_statements_total{outcome="rolled back"} 1$`).Match(body) {
			t.Errorf("statements are not counted:\n%s", body)
		}
	}
}

// TestLogTable looks for the lines of a server in metadb.log: those of its start
// and end, of an error, and why one could not start. No password is among them.
func TestLogTable(t *testing.T) {
	t.Parallel()
	s := lone(t)
	s.Start()
	s.sql("CREATE DATA SOURCE gone TYPE kafka OPTIONS (brokers '127.0.0.1:1', security 'plaintext', topics 'x', consumer_group 'g');")
	s.until(s.Conn(), "true", `SELECT EXISTS (SELECT FROM metadb.log WHERE error_severity = 'ERROR' AND message LIKE 'stream interrupted source=gone %error=%')::text`)
	s.Stop()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", s.Port()))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s.Launch("")
	if err := s.AwaitDeath(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"INFO: starting Metadb", "INFO: server is ready to accept connections", "INFO: server is shut down",
		fmt.Sprintf("FATAL: listen on port %d: %%", s.Port()),
	} {
		severity, message, _ := strings.Cut(want, ": ")
		var n int
		err := s.Conn().QueryRow(t.Context(), "SELECT count(*) FROM metadb.log WHERE error_severity = $1 AND message LIKE $2 || '%'", severity, message).Scan(&n)
		if err != nil || n == 0 {
			t.Errorf("no line %s in metadb.log (%v)", want, err)
		}
	}
	var all string
	err = s.Conn().QueryRow(t.Context(), `SELECT coalesce(string_agg(message, E'\n'), '')
		|| (SELECT string_agg(inhrelid::regclass::text, ' ') FROM pg_inherits WHERE inhparent = 'metadb.log'::regclass) FROM metadb.log`).Scan(&all)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`metadb\.zzz___log___\d{4}$`).MatchString(all) {
		t.Errorf("the partition is not a year, as in 1.4: %s", all)
	}
	for _, secret := range s.Secrets() {
		if strings.Contains(all, secret) {
			t.Errorf("the log has a password:\n%s", all)
		}
	}
}
