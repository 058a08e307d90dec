package console

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestMetricsAreDocumented compares the metrics with docs/operations.md, both ways.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	s, _ := watched(t)
	_, body := get(t, s, "/metrics")
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	ours := regexp.MustCompile(`metadb_[a-z_]+`)
	shown := map[string]bool{"metadb_log_messages_total": true, "metadb_statements_total": true, "metadb_source_last_error_timestamp_seconds": true} // not made here
	for _, line := range regexp.MustCompile(`(?m)^# TYPE (metadb_\w+)`).FindAllStringSubmatch(body, -1) {
		shown[line[1]] = true
	}
	_, section, _ := strings.Cut(string(text), "\n## Metrics\n")
	section, _, _ = strings.Cut(section, "\n## ")
	described := map[string]bool{}
	for _, name := range ours.FindAllString(section, -1) {
		described[name] = true
		if !shown[name] {
			t.Errorf("docs/operations.md has %s, which is not shown", name)
		}
	}
	for name := range shown {
		if !described[name] {
			t.Errorf("docs/operations.md does not have %s", name)
		}
	}
}
