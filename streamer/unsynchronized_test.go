package streamer

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestSetAsideDelete: a source that has set a delete aside says so until the delete
// is replayed; to remove its letter is no way out.
func TestSetAsideDelete(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	const ts = 1_700_000_000_000
	gone := event("item", "d", 1, "{}", ts+10)
	gone.Key = nil // and there is no row before the change
	b.produce(item(1, "{}"), item(2, "{}"), item(3, "{"))
	b.source(`^m\.`)
	b.start()
	b.drained()
	b.waitFor("active||1|false", "SELECT concat_ws('|', source_stream, reason, dead_letters, unsynchronized::text) FROM metadb.status")
	b.produce(gone, &kgo.Record{Topic: "m.lib.item", Value: []byte("{")})
	b.drained()
	b.waitFor(`true|a delete of lib.item is set aside as dead letter 2 (topic "m.lib.item", partition 0, offset 3); replay it, or resynchronize the source`,
		"SELECT concat_ws('|', unsynchronized::text, reason) FROM metadb.status")
	b.exec("DELETE FROM metadb.dead_letter WHERE id = 2")
	b.waitFor(`true|a delete of lib.item is missing: dead letter 2 was removed without being applied (topic "m.lib.item", partition 0, offset 3); resynchronize the source`,
		"SELECT concat_ws('|', unsynchronized::text, reason) FROM metadb.status")
	b.exec("UPDATE metadb.source_gap SET cleared_at = now() WHERE letter = 2")
	b.waitFor(`true|an event that cannot be read is set aside as dead letter 3 (topic "m.lib.item", partition 0, offset 4); replay it, or resynchronize the source`,
		"SELECT concat_ws('|', unsynchronized::text, reason) FROM metadb.status")
}

// TestReplayedDelete clears what the delete was missing for, and does not bring to
// life what was deleted while it was set aside.
func TestReplayedDelete(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.exec("CREATE SCHEMA lib; CREATE TABLE lib.item (x int)")
	const ts = 1_700_000_000_000
	b.produce(item(1, "{}"), item(2, "{}"))
	b.source(`^m\.`)
	b.start()
	b.drained()
	b.waitFor("2|false", "SELECT concat_ws('|', dead_letters, unsynchronized::text) FROM metadb.status")
	b.produce(event("item", "d", 1, "{}", ts+1000))
	b.drained()
	b.exec("DROP TABLE lib.item")
	b.exec("CALL metadb.replay_dead_letters('s')")
	b.waitFor("done|2 of 2 dead letters applied", "SELECT concat_ws('|', state, detail) FROM metadb.requests")
	if got := b.text("SELECT string_agg(concat_ws(' ', id, __current), ', ' ORDER BY id) FROM lib.item__"); got != "1 f, 2 t" {
		t.Errorf("versions %s", got)
	}
}
