package scenario

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestStatusCommand runs metadb status before the server's first start, while it
// runs, and after its end.
func TestStatusCommand(t *testing.T) {
	t.Parallel()
	s := lone(t)
	if out, code := s.Instance.Run("status", "-D", s.Dir()); code != 1 || !strings.HasPrefix(out, "metadb: error: the database has no catalog of this version") {
		t.Errorf("before the first start: %d, %s", code, out)
	}
	s.Start()
	s.sql("CREATE DATA SOURCE gone TYPE kafka OPTIONS (brokers '127.0.0.1:1', security 'plaintext', topics 'x', consumer_group 'g');")
	s.until(s.Conn(), "error", "SELECT source_stream FROM metadb.status")
	out, code := s.Instance.Run("status", "-D", s.Dir())
	if code != 0 || !strings.HasPrefix(out, "server (development), up ") || !strings.Contains(out, "\ngone    error  snapshot  -    -        0         0       0           0     ") || !strings.Contains(out, "127.0.0.1:1") {
		t.Errorf("%d, %s", code, out)
	}
	out, code = s.Instance.Run("status", "-D", s.Dir(), "--json", "--source", "gone")
	var o struct {
		Server  struct{ Running bool }
		Sources []struct {
			Name   string
			Stream string `json:"source_stream"`
			Error  string `json:"last_error"`
		}
	}
	if err := json.Unmarshal([]byte(out), &o); err != nil || code != 0 || !o.Server.Running || len(o.Sources) != 1 || o.Sources[0].Stream != "error" || o.Sources[0].Error == "" {
		t.Errorf("%v, %d: %s", err, code, out)
	}
	if out, code := s.Instance.Run("status", "-D", s.Dir(), "--source", "nope"); code != 1 || out != "metadb: error: data source \"nope\" does not exist\n" {
		t.Errorf("%d, %s", code, out)
	}
	s.Stop()
	if out, code := s.Instance.Run("status", "-D", s.Dir()); code != 0 || !strings.HasPrefix(out, "server not running, 1 data source\n") {
		t.Errorf("after the end: %d, %s", code, out)
	}
}
