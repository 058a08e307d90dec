package streamer

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/testsql/captures"
	"metadb/testsql/compare"
)

// TestBulkShopResyncedByOneScript streams the recording of a shop, then names the second
// connector's topics and begins a synchronization in one transaction, and ends it:
// exactly the rows that vanished while nothing was captured are closed.
func TestBulkShopResyncedByOneScript(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.exec("UPDATE metadb.config SET value = '0' WHERE parameter = 'sync_grace_seconds'")
	b.source(`^metadb_shop_1\.`, "on_bad_value", "null")
	b.play("shop")
	b.start()
	b.streamDrained(`^metadb_shop_1\.`)
	b.waitFor("snapshot_complete", "SELECT source_sync FROM metadb.status")
	b.exec("CALL metadb.endsync_data_source('s')")
	b.waitFor("normal", "SELECT source_sync FROM metadb.status")

	tx, err := b.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`CALL metadb.alter_data_source('s', ARRAY['set', 'topics', '^metadb_shop_2\.', 'set', 'consumer_group', 'g2'])`,
		`CALL metadb.sync_data_source('s')`,
	} {
		if _, err := tx.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.play("shop_resync")
	b.streamDrained(`^metadb_shop_2\.`)
	b.waitFor("snapshot_complete", "SELECT source_sync FROM metadb.status")
	b.waitFor("0", "SELECT count(*)::text FROM metadb.sync_counts WHERE NOT counted")
	_, err = b.pool.Exec(t.Context(), "CALL metadb.endsync_data_source('s')")
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "55000" {
		t.Fatalf("an endsync that closes tables as a whole: %v", err)
	}
	if want := "These would be marked as deleted: table shop.doomed: 8 of 8 current records (100%), not in the snapshot; " +
		"table shop.scratch_truncate: 20 of 21 current records (95%), not in the snapshot."; refused.Detail != want {
		t.Errorf("refused with %s", refused.Detail)
	}
	b.exec("CALL metadb.endsync_data_source('s', NULL, ARRAY['shop','doomed','shop','scratch_truncate'])")
	b.waitFor("normal", "SELECT source_sync FROM metadb.status")
	if got := b.text("SELECT string_agg(state || ': ' || detail, '; ' ORDER BY id) FROM metadb.request WHERE kind = 'endsync' AND id > 1"); !strings.HasPrefix(got, "done: ") {
		t.Errorf("request: %s", got)
	}
	b.demandEqual(b.check(compare.Options{Capture: "shop_resync", Oracle: "3_after_endsync"}))
	b.demandClosed("shop_resync/closed_by_endsync.json")
	for _, table := range []string{"source_sync", "sync_attempt", "sync_table", "sync_boundary", "sync_mark_late", "sync_gone"} {
		if got := b.text("SELECT count(*)::text FROM metadb." + table); got != "0" {
			t.Errorf("%s rows are left in %s", got, table)
		}
	}
	b.waitFor("0", "SELECT ((SELECT count(*) FROM metadb.sync_mark) + (SELECT count(*) FROM metadb.sync_mark_batch))::text")
}

// endsync asks for the end of a synchronization and waits for it. arguments are
// those of the routine behind the source's name.
func (b *bed) endsync(arguments string) {
	b.Helper()
	b.waitFor("snapshot_complete", "SELECT source_sync FROM metadb.status")
	b.waitFor("0", "SELECT count(*)::text FROM metadb.sync_counts c JOIN metadb.source s ON s.name = c.source WHERE s.sync = 2 AND NOT counted")
	b.exec("CALL metadb.endsync_data_source('s'" + arguments + ")")
	b.waitFor("true", "SELECT bool_and(finished_at IS NOT NULL)::text FROM metadb.request")
	if got := b.text("SELECT state || ': ' || detail FROM metadb.request ORDER BY id DESC LIMIT 1"); !strings.HasPrefix(got, "done: ") {
		b.Fatalf("endsync %s", got)
	}
	b.waitFor("normal", "SELECT source_sync FROM metadb.status")
}

// impatient shortens the waits of synchronizations.
func (b *bed) impatient() {
	b.Helper()
	b.exec("UPDATE metadb.config SET value = '0' WHERE parameter = 'sync_grace_seconds'")
	b.exec("UPDATE metadb.config SET value = '2' WHERE parameter = 'sync_deadline_seconds'")
}

// TestBulkResyncOfTheSameTopics synchronizes with an incremental snapshot in topics that
// still hold unread records of the time before: those confirm nothing (rule R15).
func TestBulkResyncOfTheSameTopics(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.impatient()
	b.source(`^hard_resync_same\.`)
	stop := b.start()
	b.play("hard/resync_same_topics/stage1")
	b.drained()
	b.endsync("")
	stop()
	b.play("hard/resync_same_topics/stage2")
	b.exec("CALL metadb.sync_data_source('s', $1)", strings.Fields(b.text(
		"SELECT string_agg(schema_name || ' ' || table_name, ' ') FROM metadb.data_table WHERE key_columns <> '{}'")))
	b.start()
	b.waitFor("2", "SELECT adopted::integer + mode - 1 || '' FROM metadb.source_sync")
	b.play("hard/resync_same_topics/stage3")
	b.drained()
	b.endsync("")
	b.demandEqual(b.check(compare.Options{Capture: "hard/resync_same_topics/stage3"}))
	if got := b.text("SELECT detail FROM metadb.request ORDER BY id DESC LIMIT 1"); got != "53 records marked as deleted" {
		t.Error(got)
	}
}

// TestBulkResyncWithANewPrefix does the same by an ordinary snapshot in new topics. What
// the old ones still hold is not read any more.
func TestBulkResyncWithANewPrefix(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.impatient()
	b.source(`^hard_resync_same\.`)
	stop := b.start()
	b.play("hard/resync_same_topics/stage1")
	b.drained()
	b.endsync("")
	stop()
	b.play("hard/resync_same_topics/stage2")
	b.exec(`CALL metadb.sync_data_source('s')`)
	b.exec(`CALL metadb.alter_data_source('s', ARRAY['set', 'topics', '^hard_resync_same_new\.', 'set', 'consumer_group', 'g2'])`)
	b.play("hard/resync_same_topics_new_prefix/stage3") // read, in part, before the generation begins: adopted
	b.start()
	b.streamDrained(`^hard_resync_same_new\.`)
	b.endsync("")
	b.demandEqual(b.check(compare.Options{Capture: "hard/resync_same_topics_new_prefix/stage3"}))
}

// TestBulkMarksBeforeTheStatement reads a new stream to its end before the SYNC comes,
// and adopts what it has confirmed (rule R15).
func TestBulkMarksBeforeTheStatement(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.impatient()
	b.source(`^hard_resync_same\.`)
	b.start()
	b.play("hard/resync_same_topics/stage1")
	b.drained()
	b.endsync("")
	b.exec(`CALL metadb.alter_data_source('s', ARRAY['set', 'topics', '^hard_resync_same_new\.', 'set', 'consumer_group', 'g2'])`)
	b.play("hard/resync_same_topics_new_prefix/stage3")
	b.streamDrained(`^hard_resync_same_new\.`)
	if got := b.text("SELECT source_sync FROM metadb.status"); got != "normal" {
		t.Errorf("a new stream alone is no synchronization: %s", got)
	}
	b.exec(`CALL metadb.sync_data_source('s')`)
	b.endsync("")
	b.demandEqual(b.check(compare.Options{Capture: "hard/resync_same_topics_new_prefix/stage3"}))
}

// TestBulkSnapshotThatBeganAgain reads an initial snapshot of which two attempts were
// broken off: its endsync closes what only those have brought (rule R17).
func TestBulkSnapshotThatBeganAgain(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.impatient()
	b.source(`^hard_snaprestart\.`)
	b.start()
	b.play("hard/snapshot_restart/stage1")
	b.drained()
	b.endsync(", NULL, NULL, true")
	b.demandEqual(b.check(compare.Options{Capture: "hard/snapshot_restart/stage1"}))
	b.play("hard/snapshot_restart/stage2")
	b.drained()
	b.demandEqual(b.check(compare.Options{Capture: "hard/snapshot_restart/stage2"}))
}

// TestEndsyncByItself has a synchronization end when its snapshot is complete.
func TestEndsyncByItself(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.impatient()
	b.source(`^metadb_v19\.`, "endsync", "auto")
	b.start()
	b.play("variants/v19")
	b.waitFor("normal", "SELECT source_sync FROM metadb.status")
	if got := b.text("SELECT kind || ' ' || state || ' ' || requested_by FROM metadb.request"); !strings.HasPrefix(got, "endsync done ") {
		t.Error(got)
	}
	b.exec("CALL metadb.sync_data_source('s')")
	b.waitFor("snapshot", "SELECT source_sync FROM metadb.status")
	b.exec("CALL metadb.cancel_sync('s')")
	b.waitFor("normal", "SELECT source_sync FROM metadb.status")
	b.waitFor("0", "SELECT count(*)::text FROM metadb.source_sync")
}

// streamDrained waits until the present stream has read its topics to their ends.
func (b *bed) streamDrained(topics string) {
	b.Helper()
	b.waitFor(b.endsOf(topics), `
		SELECT coalesce(sum(o.next), 0)::text FROM metadb.source_offset o JOIN metadb.source_state s USING (source, stream)
		WHERE o.topic ~ $1`, topics)
}

// demandClosed fails unless exactly the listed keys were closed by an endsync, and
// with one end.
func (b *bed) demandClosed(file string) {
	b.Helper()
	text, err := fs.ReadFile(captures.Files(), file)
	if err != nil {
		b.Fatal(err)
	}
	var tables []struct {
		Schema, Table string
		Keys          []map[string]any
	}
	if err := json.Unmarshal(text, &tables); err != nil {
		b.Fatal(err)
	}
	want := make(map[string]int)
	for _, t := range tables {
		schema, _ := compare.Schemas{}.Target(t.Schema)
		want[schema+"."+t.Table] = len(t.Keys)
	}
	rows, err := b.pool.Query(b.Context(), `
		SELECT d.schema_name, d.table_name, (xpath('/row/n/text()', query_to_xml(format(
			'SELECT count(*) AS n FROM %I.%I h WHERE NOT h.__current AND h.__end = (SELECT endsync_at FROM metadb.data_table WHERE id = %s)',
			d.schema_name, d.table_name || '__', d.id), false, true, '')))[1]::text::integer
		FROM metadb.data_table d WHERE d.key_columns <> '{}'`)
	if err != nil {
		b.Fatal(err)
	}
	var schema, table string
	var n int
	for rows.Next() {
		if err := rows.Scan(&schema, &table, &n); err != nil {
			b.Fatal(err)
		}
		name := schema + "." + table
		if n != want[name] {
			b.Errorf("%s: %d rows closed, want %d", name, n, want[name])
		}
		delete(want, name)
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	for name, n := range want {
		if n > 0 {
			b.Errorf("%s: no such table, want %d rows closed", name, n)
		}
	}
}

// TestSnapshotWhoseLastRecordIsNotWanted ends with a table that a filter stops.
func TestSnapshotWhoseLastRecordIsNotWanted(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.exec("UPDATE metadb.config SET value = '0' WHERE parameter = 'sync_grace_seconds'")
	b.source(`^metadb_v19\.`, "table_stop_filter", `^app\.wipe$`)
	b.start()
	b.play("variants/v19")
	b.waitFor("marks", "SELECT coalesce(max(complete_by), '') FROM metadb.source_sync")
}

// TestInitialEndsyncInfersUUID converts a text column of which every value is a UUID,
// as 1.4 does, and reads on.
func TestInitialEndsyncInfersUUID(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.impatient()
	text := func(table string, id int, doc string) *kgo.Record {
		r := event(table, "c", id, doc, 1_700_000_000_000+int64(id))
		r.Value = bytes.ReplaceAll(r.Value, []byte(`"name":"io.debezium.data.Json","version":1,`), nil)
		return r
	}
	b.source(`^m\.`)
	b.start()
	b.produce(text("item", 1, uuidA), text("item", 2, uuidB), text("other", 1, uuidA), text("other", 2, "none"))
	b.drained()
	b.endsync("")
	const types = `SELECT string_agg(table_name || ' ' || data_type, ', ' ORDER BY table_name) FROM information_schema.columns
		WHERE table_schema = 'lib' AND table_name IN ('item', 'other') AND column_name = 'doc'`
	if got := b.text(types); got != "item uuid, other text" {
		t.Errorf("columns: %s", got)
	}
	if got := b.text("SELECT detail FROM metadb.request"); got != "converted to type uuid: lib.item__ (doc)" {
		t.Error(got)
	}
	b.produce(text("item", 3, uuidA))
	b.waitFor("3", "SELECT count(*)::text FROM lib.item")
}
