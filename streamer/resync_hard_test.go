package streamer

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"metadb/testsql/compare"
)

// demandClosedKeys fails unless the last endsync has closed exactly the keys that the
// recording names.
func (b *bed) demandClosedKeys(capture string) {
	b.Helper()
	conn, err := b.pool.Acquire(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	differ, err := compare.Closed(b.Context(), conn.Conn(), capture)
	if err != nil {
		b.Fatal(err)
	}
	for _, d := range differ {
		b.Error(d)
	}
}

// adopted waits until the worker has begun what a SYNC asks for.
func (b *bed) adopted() {
	b.Helper()
	b.waitFor("true", "SELECT EXISTS (SELECT FROM metadb.source_sync WHERE adopted AND mode = 2)::text")
}

// TestBulkResyncOfTopicsMadeAgain resynchronizes by topics of the old names: nothing of
// what they held before counts, and the gap that they are is filled by the snapshot.
func TestBulkResyncOfTopicsMadeAgain(t *testing.T) {
	t.Parallel()
	// The SYNC comes before the new topics are made, before they are read, or after.
	for _, order := range []string{"first", "before reading", "late"} {
		b := newBed(t)
		b.impatient()
		b.source(`^hard_recreated\.`)
		b.play("hard/topic_recreated/stage1")
		stop := b.start()
		b.drained()
		b.endsync("")
		stop()
		b.deleteTopics()
		switch order {
		case "before reading":
			b.play("hard/topic_recreated/stage2")
			b.exec("CALL metadb.sync_data_source('s')")
			b.start()
		case "late":
			b.play("hard/topic_recreated/stage2")
			b.start()
			b.drained()
			b.exec("CALL metadb.sync_data_source('s')")
			b.adopted()
		default:
			b.exec("CALL metadb.sync_data_source('s')")
			b.start()
			b.adopted()
			b.play("hard/topic_recreated/stage2")
		}
		b.drained()
		b.waitFor("true", "SELECT unsynchronized::text FROM metadb.status")
		b.endsync("")
		b.demandEqual(b.check(compare.Options{Capture: "hard/topic_recreated/stage2"}))
		b.demandClosedKeys("hard/topic_recreated/stage2")
		b.waitFor("false", "SELECT unsynchronized::text FROM metadb.status")
	}
}

// TestBulkResyncOfARestoredSource resynchronizes from a source with lower positions, in the
// same topics.
func TestBulkResyncOfARestoredSource(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.impatient()
	b.source(`^hard_restored_init\.`)
	b.start()
	b.play("hard/restored_source_initial/stage1")
	b.drained()
	b.endsync("")
	b.exec("CALL metadb.sync_data_source('s')")
	b.adopted()
	b.play("hard/restored_source_initial/stage2")
	b.drained()
	b.endsync("")
	b.demandEqual(b.check(compare.Options{Capture: "hard/restored_source_initial/stage2"}))
	b.demandClosedKeys("hard/restored_source_initial/stage2")
}

// TestBulkResyncWithoutASnapshot reads changes only, of a restored source and after lost
// offsets: the end is refused, also when the deadline has passed, and cancelling
// leaves every row.
func TestBulkResyncWithoutASnapshot(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ topics, before, after string }{
		{`^hard_restored_nodata\.`, "hard/restored_source_no_data/stage1", "hard/restored_source_no_data/stage2"},
		{`^hard_offlost\.`, "hard/offsets_lost/stage1", "hard/offsets_lost/stage2"},
	} {
		b := newBed(t)
		b.impatient()
		b.source(tt.topics)
		b.start()
		b.play(tt.before)
		b.drained()
		b.endsync("")
		b.exec("CALL metadb.sync_data_source('s')")
		b.adopted()
		b.play(tt.after)
		b.drained()
		b.waitFor("snapshot_complete", "SELECT source_sync FROM metadb.status")
		b.waitFor("0", "SELECT count(*)::text FROM metadb.sync_counts WHERE NOT counted")
		_, err := b.pool.Exec(t.Context(), "CALL metadb.endsync_data_source('s')")
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "55000" || !strings.Contains(refused.Detail, "not in the snapshot") {
			t.Errorf("an endsync without a snapshot: %v", err)
		}
		b.exec("CALL metadb.cancel_sync('s')")
		b.waitFor("normal", "SELECT source_sync FROM metadb.status")
		b.waitFor("0", "SELECT count(*)::text FROM metadb.source_sync")
		b.demandEqual(b.check(compare.Options{Capture: tt.after}))
	}
}

// TestBulkResyncThatBeganAgain resynchronizes by a snapshot of which two attempts were
// broken off, over what a first reading of the same has left.
func TestBulkResyncThatBeganAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ topics, name string }{
		{`^hard_snaprestart\.`, "hard/snapshot_restart"}, {`^hard_snapdef\.`, "hard/snapshot_restart_default"},
	} {
		b := newBed(t)
		b.impatient()
		b.source(tt.topics)
		b.exec("UPDATE metadb.source SET sync = 0")
		b.exec("CALL metadb.sync_data_source('s')")
		b.start()
		b.adopted()
		b.play(tt.name + "/stage1")
		b.drained()
		b.endsync(", NULL, NULL, true")
		b.demandEqual(b.check(compare.Options{Capture: tt.name + "/stage1"}))
		b.demandClosedKeys(tt.name + "/stage1")
		b.play(tt.name + "/stage2")
		b.drained()
		b.demandEqual(b.check(compare.Options{Capture: tt.name + "/stage2"}))
	}
}
