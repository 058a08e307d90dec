package streamer

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"

	"metadb/testsql/poll"
)

// looks counts how often the snapshot is looked at, and waits for it.
type looks struct{ n atomic.Int32 }

func (l *looks) reached(point string) {
	if point == "complete.look" {
		l.n.Add(1)
	}
}

// twice waits until the snapshot was looked at once more from beginning to end.
func (l *looks) twice(t *testing.T) {
	t.Helper()
	to := l.n.Load() + 2
	if !poll.Until(t.Context(), 10*time.Millisecond, time.Minute, func() bool { return l.n.Load() >= to }) {
		t.Fatal("nobody looks at the snapshot")
	}
}

// TestLastRecordIsNotTheEnd has the last record of a snapshot before a grace has passed,
// and before the records of another topic are applied: the snapshot is not complete yet
// (rule R18).
func TestLastRecordIsNotTheEnd(t *testing.T) {
	t.Parallel()
	const then, snapshot = 1_700_000_000_000, 1_700_000_100_000
	const complete = "SELECT coalesce(max(complete_by), '') FROM metadb.source_sync"
	for _, tt := range []struct {
		name, grace string
		locked      bool
	}{{"the grace has not passed", "3600", false}, {"another topic waits", "0", true}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.exec("UPDATE metadb.config SET value = $1 WHERE parameter = 'sync_grace_seconds'", tt.grace)
			b.produce(event("item", "c", 1, `{}`, then), event("other", "c", 1, `{}`, then))
			b.source(`^m\.`)
			var l looks
			b.opt.Reached = l.reached
			b.start()
			b.drained()
			b.exec("UPDATE metadb.source SET sync = 0")
			b.exec("CALL metadb.sync_data_source('s')")
			b.adopted()
			end := func() {}
			if tt.locked {
				holder := b.holding("LOCK TABLE lib.other IN ACCESS EXCLUSIVE MODE")
				end = func() { _ = holder.Rollback(t.Context()) }
			}
			other := snapshotRow(1, snapshot, "true")
			other.Topic, other.Value = "m.lib.other", bytes.Replace(other.Value, []byte(`"table":"item"`), []byte(`"table":"other"`), 1)
			b.produce(other)
			if tt.locked {
				b.waitFor("true", "SELECT (reason LIKE 'table lib.other waits%')::text FROM metadb.status")
			}
			b.produce(snapshotRow(1, snapshot, "last"))
			b.waitFor("true", "SELECT bool_or(last_at IS NOT NULL)::text FROM metadb.sync_attempt WHERE current")
			l.twice(t)
			if got := b.text(complete); got != "" {
				t.Errorf("complete by %s", got)
			}
			end()
			b.exec("UPDATE metadb.config SET value = '0' WHERE parameter = 'sync_grace_seconds'")
			b.exec("UPDATE metadb.instance SET catalog_version = catalog_version + 1")
			b.waitFor("marks", complete)
		})
	}
}
