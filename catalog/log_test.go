package catalog

import (
	"testing"
	"time"
)

// TestLogTable stores lines of two years, and removes those that are old.
func TestLogTable(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	c := New(i.pool)
	old := time.Date(2020, 12, 31, 23, 59, 59, 0, time.UTC)
	err := c.StoreLog(t.Context(), []LogLine{{old, "ERROR", "old"}, {time.Now(), "INFO", "new"}, {time.Now(), "INFO", "newer"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.StoreLog(t.Context(), []LogLine{{old, "WARNING", "again"}}); err != nil {
		t.Fatal(err)
	}
	if got := i.text("SELECT count(*)::text FROM metadb.zzz___log___2020"); got != "2" {
		t.Errorf("%s lines of 2020 in their partition", got)
	}
	if n, err := c.PruneLog(t.Context(), 24*time.Hour); n != 2 || err != nil {
		t.Errorf("pruned %d, %v", n, err)
	}
	if got := i.text("SELECT string_agg(message, ' ' ORDER BY message) FROM metadb.log"); got != "new newer" {
		t.Errorf("kept %s", got)
	}
}
