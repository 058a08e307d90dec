package scenario

import (
	"context"
	"strings"
	"testing"

	"metadb/testsql/kafka"
)

// TestShop is the whole thing: psql names a stream, and the tables of a recording
// appear with their history and are read through the same port.
func TestShop(t *testing.T) {
	t.Parallel()
	s := newStage(t, kafka.Options{Play: []string{"shop"}})
	s.Start()
	s.createSource(shopTopics)
	s.played()
	s.drained()
	s.equal(shop)
	if got := s.sql("SELECT count(*) FROM shop.customers"); got != "722" {
		t.Errorf("%s customers through the port, want 722", got)
	}
	s.WaitFor(settle, "data_source|shop|active|snapshot", "SELECT type, name, source_stream, source_sync FROM metadb.status")
	status := s.sql("LIST STATUS;")
	if !strings.HasPrefix(status, "data_source|shop|active|snapshot|") {
		t.Errorf("LIST STATUS: %s", status)
	}
	if out, code := s.Instance.Run("stop", "-D", s.Dir()); code != 0 {
		t.Errorf("stop: exit code %d: %s", code, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), settle)
	defer cancel()
	if err := s.AwaitDeath(ctx); err != nil {
		t.Error(err)
	}
}
