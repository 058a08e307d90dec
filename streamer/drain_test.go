package streamer

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// under puts a record into the topic of another connector's prefix.
func under(prefix string, r *kgo.Record) *kgo.Record {
	r.Topic = prefix + strings.TrimPrefix(r.Topic, "m")
	return r
}

// TestOldTopicsAreReadFirst resynchronizes by topics beside the old ones, of which not
// all is read when the new ones come: by a pattern that now matches both, and by one
// that always did. The server is stopped in the middle. What the old ones still hold is
// applied before the snapshot, and confirms nothing (rule R15).
func TestOldTopicsAreReadFirst(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, topics string
		statements   []string
	}{
		{"named with the old ones", `^m1\.`, []string{
			`CALL metadb.alter_data_source('s', ARRAY['set', 'topics', '^m[12]\.'])`, "CALL metadb.sync_data_source('s')",
		}},
		{"with another group", `^m1\.`, []string{
			`CALL metadb.alter_data_source('s', ARRAY['set', 'topics', '^m[12]\.', 'set', 'consumer_group', 'h'])`, "CALL metadb.sync_data_source('s')",
		}},
		{"of one pattern", `^m[12]\.`, []string{"CALL metadb.sync_data_source('s')"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.exec("UPDATE metadb.config SET value = '0' WHERE parameter = 'sync_grace_seconds'")
			b.exec("UPDATE metadb.config SET value = '20' WHERE parameter = 'checkpoint_segment_size'")
			const then, snapshot = 1_700_000_000_000, 1_700_100_000_000
			var rows, tail []*kgo.Record
			for id := range 5 {
				rows = append(rows, under("m1", event("item", "c", id, `"first"`, then)))
			}
			b.produce(rows...)
			b.source(tt.topics)
			stop := b.start()
			b.drained()
			b.exec("UPDATE metadb.source SET sync = 0")
			stop()
			for i := range 2000 {
				tail = append(tail, under("m1", event("item", "u", 4, fmt.Sprint(i), then+1000+int64(i))))
			}
			tail = append(tail, under("m1", event("item", "u", 1, `"before"`, then+50_000)), under("m1", event("item", "d", 3, `"gone"`, then+50_000)))
			b.produce(tail...)
			for _, sql := range tt.statements {
				b.exec(sql)
			}
			begin, middle, stopping := make(chan bool), make(chan bool), make(chan bool)
			var batches atomic.Int32
			b.opt.Reached = func(point string) {
				if point != "batch.taken" {
					return
				}
				<-begin
				if batches.Add(1) == 20 {
					close(middle)
					<-stopping
				}
			}
			if len(tt.statements) == 1 { // what is there already would confirm nothing
				stop = b.start()
				b.adopted()
			}
			for id := range 4 {
				mark := map[bool]string{true: "last", false: "true"}[id == 3]
				r := under("m2", snapshotRow(id, snapshot, mark))
				r.Value = []byte(strings.ReplaceAll(string(r.Value), `"doc":"{}"`, `"doc":"\"new\""`))
				b.produce(r)
			}
			if len(tt.statements) > 1 {
				stop = b.start()
			}
			close(begin)
			<-middle
			stopped := make(chan bool)
			go func() { stop(); close(stopped) }()
			close(stopping)
			<-stopped
			b.start()
			b.streamDrained(`^m[12]\.`)
			if got := b.text("SELECT string_agg(id || ' ' || (doc #>> '{}'), ', ' ORDER BY id) FROM lib.item"); got != "0 new, 1 new, 2 new, 3 new, 4 1999" {
				t.Errorf("current rows: %s", got)
			}
			b.waitFor("snapshot_complete", "SELECT source_sync FROM metadb.status")
			if got := b.text("SELECT string_agg(array_to_string(sample, ' '), '') FROM metadb.explain_endsync('s')"); got != "4" {
				t.Errorf("not confirmed: %s", got)
			}
			b.waitFor("active|", "SELECT concat_ws('|', source_stream, reason) || CASE WHEN reason IS NULL THEN '|' ELSE '' END FROM metadb.status")
		})
	}
}

// TestOldTopicsThatAreGone hold up nothing.
func TestOldTopicsThatAreGone(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.produce(under("m1", event("item", "c", 1, `{}`, 1_700_000_000_000)))
	b.source(`^m[12]\.`)
	stop := b.start()
	b.drained()
	b.exec("UPDATE metadb.source SET sync = 0")
	stop()
	b.exec("CALL metadb.sync_data_source('s')")
	b.deleteTopics()
	b.produce(under("m2", snapshotRow(2, 1_700_100_000_000, "last")))
	b.start()
	b.waitFor("2", "SELECT count(*)::text FROM lib.item")
}
