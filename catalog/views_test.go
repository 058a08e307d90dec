package catalog

import (
	"encoding/json"
	"testing"
)

// TestViewsAreCheap estimates the views that are looked at all the time, in a
// catalog without statistics: PostgreSQL must not find them worth compiling, which
// takes a second where reading takes a millisecond.
func TestViewsAreCheap(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	for _, view := range []string{"status", "table_status"} {
		var plans []struct {
			Plan struct {
				Cost float64 `json:"Total Cost"`
			}
		}
		if err := json.Unmarshal([]byte(i.text("EXPLAIN (FORMAT json) SELECT * FROM metadb."+view)), &plans); err != nil {
			t.Fatal(err)
		}
		if cost := plans[0].Plan.Cost; cost > 50_000 { // jit_above_cost is 100000
			t.Errorf("metadb.%s costs %.0f", view, cost)
		}
	}
}
