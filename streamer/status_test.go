package streamer

import "testing"

// TestStatusOfSourceAndTables looks at what the status views say of a source that
// is up to date, and of each of its tables.
func TestStatusOfSourceAndTables(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.produce(item(0, "{}"), item(1, "{}"), event("item", "u", 1, `{"a":1}`, 1_700_000_009_000), event("other", "c", 7, "{}", 1_700_000_005_000))
	b.source(`^m\.`)
	b.start()
	b.drained()
	b.waitFor("active 4 0 0.0 2", "SELECT concat_ws(' ', source_stream, events, lag, lag_seconds, partitions) FROM metadb.status")
	const tables = `SELECT string_agg(concat_ws(' ', schema_name, table_name, source, state, freshness, events,
		rows_estimate, history_rows_estimate, extract(epoch FROM last_change)::bigint), '; ') FROM metadb.table_status`
	b.waitFor("lib item s current 00:00:00 3 2 1 1700000009; lib other s current 00:00:00 1 1 0 1700000005", tables)
	b.exec("UPDATE metadb.source SET enable = false")
	b.exec("CALL metadb.touch()")
	b.waitFor("inactive", "SELECT DISTINCT state FROM metadb.table_status")
	if got := b.text("SELECT (max(freshness) > interval '0' AND max(freshness) < interval '1 hour')::text FROM metadb.table_status"); got != "true" {
		t.Error("the tables of a source that is disabled have no age")
	}
}

// TestLastErrorStays shows an error that has passed, beside the state that it has now.
func TestLastErrorStays(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.produce(item(0, "{}"), broken())
	b.source(`^m\.`)
	b.set("on_bad_event", "stop")
	b.start()
	// On a busy machine another error may be there first.
	b.waitFor("true", "SELECT (source_stream = 'error' AND reason LIKE '%offset 1 cannot be applied%')::text FROM metadb.status")
	b.set("on_bad_event", "set_aside")
	b.drained()
	b.waitFor("true", `SELECT (source_stream = 'active' AND last_error LIKE '%offset 1 cannot be applied%'
		AND last_error_at <= now() AND lag_seconds = 0)::text FROM metadb.status`)
}
