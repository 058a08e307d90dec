package examples

import (
	"encoding/json"
	"testing"
)

// TestConnectorConfigurations reads the configurations that docs/operations.md
// gives: what a release of Debezium refuses or ignores must not stand there.
func TestConnectorConfigurations(t *testing.T) {
	t.Parallel()
	page, err := Read("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	want := []map[string]string{
		{"topic.prefix": "metadb_shop_1", "database.server.name": "", "snapshot.mode": "initial", "skipped.operations": "none"},
		{"topic.prefix": "", "database.server.name": "metadb_shop_1", "snapshot.mode": "exported", "skipped.operations": ""},
	}
	for _, b := range page.Blocks {
		if b.Language != "json" {
			continue
		}
		if len(want) == 0 {
			t.Fatalf("line %d: one more configuration", b.Line)
		}
		var connector struct{ Config map[string]string }
		if err := json.Unmarshal([]byte(b.Text), &connector); err != nil {
			t.Fatalf("line %d: %v", b.Line, err)
		}
		for name, value := range want[0] {
			if got := connector.Config[name]; got != value {
				t.Errorf("line %d: %s is %q, want %q", b.Line, name, got, value)
			}
		}
		for _, name := range []string{"key.converter.schemas.enable", "value.converter.schemas.enable"} {
			if connector.Config[name] != "true" {
				t.Errorf("line %d: no %s", b.Line, name)
			}
		}
		if connector.Config["truncate.handling.mode"] != "include" || connector.Config["heartbeat.action.query"] == "" {
			t.Errorf("line %d: truncates or heartbeats are missing", b.Line)
		}
		want = want[1:]
	}
	if len(want) > 0 {
		t.Errorf("%d configurations are missing", len(want))
	}
}
