package streamer

import (
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestPanicEndsARun lets goroutines of a source panic once at a point: the source says
// so and begins again, and nothing is lost or doubled.
func TestPanicEndsARun(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"stream.after", "poll.after", "batch.taken", "fetch.inside", "commit.before", "commit.after", "group.before"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			var panicked atomic.Bool
			b.opt.Reached = func(at string) {
				if at == point && panicked.CompareAndSwap(false, true) {
					panic("a fault of ours")
				}
			}
			var records []*kgo.Record
			for id := range 20 {
				records = append(records, shaped("item", "c", id, base+int64(id)))
			}
			b.produce(records...)
			b.source(`^m\.`)
			b.start()
			b.waitFor("true", "SELECT (last_error LIKE 'internal error%a fault of ours')::text FROM metadb.status")
			b.waitFor("20 20 active", `SELECT (SELECT count(*) FROM lib.item) || ' ' || (SELECT count(*) FROM lib.item__) || ' ' || source_stream
				FROM metadb.status`)
		})
	}
}
