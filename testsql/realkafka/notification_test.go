package realkafka

import (
	"fmt"
	"maps"
	"testing"
)

// TestDebeziumNotifies asks a real connector for an incremental snapshot, in its table of
// signals, of rows that were changed while nothing was captured. It is complete when the
// connector says so, long before silence would tell, and its endsync closes what is gone.
func TestDebeziumNotifies(t *testing.T) {
	t.Parallel()
	long(t)
	source := sourceDatabase(t)
	execute(t, source, `CREATE SCHEMA lib; CREATE TABLE lib.item (id integer PRIMARY KEY, title text);
		CREATE TABLE lib.signal (id text PRIMARY KEY, type text, data text);
		INSERT INTO lib.item SELECT i, 'title ' || i FROM generate_series(1, 3000) i`)
	broker := Start(t)
	connect := broker.StartConnect(t)
	config := connector(source)
	maps.Copy(config, map[string]string{
		"signal.data.collection": "lib.signal", "incremental.snapshot.chunk.size": "500",
		"notification.enabled.channels": "sink", "notification.sink.topic.name": "notes",
	})
	connect.Create("lib", config)

	server, _ := overWarehouse(t)
	server.Start()
	server.PSQL("ALTER SYSTEM SET sync_grace_seconds = '1'")
	server.PSQL(fmt.Sprintf(`CREATE DATA SOURCE lib TYPE kafka OPTIONS (brokers '%s', topics '^metadb_lib_1\.', consumer_group 'lib',
		security 'plaintext', table_stop_filter '^lib\.signal$', notification_topic 'notes');`, broker.Plaintext))
	server.WaitFor(patience, "3000", "SELECT count(*) FROM lib.item")
	server.WaitFor(patience, "snapshot_complete", "SELECT source_sync FROM metadb.status")
	server.PSQL("ENDSYNC DATA SOURCE lib")
	server.WaitFor(patience, "normal", "SELECT source_sync FROM metadb.status")

	// What the connector does not capture.
	execute(t, source, `SET session_replication_role = replica; ALTER PUBLICATION metadb_lib_1 DROP TABLE lib.item;
		DELETE FROM lib.item WHERE id <= 10; UPDATE lib.item SET title = 'changed' WHERE id = 11;
		ALTER PUBLICATION metadb_lib_1 ADD TABLE lib.item`)
	server.PSQL("SYNC DATA SOURCE lib")
	server.WaitFor(patience, "2", "SELECT coalesce(max(mode), 0) FROM metadb.source_sync WHERE adopted")
	execute(t, source, `INSERT INTO lib.signal VALUES ('again', 'execute-snapshot', '{"data-collections": ["lib.item"], "type": "incremental"}')`)
	server.WaitFor(patience, "notification", "SELECT coalesce(max(complete_by), '') FROM metadb.source_sync")
	server.WaitFor(patience, "2990 10 0", `SELECT concat_ws(' ', sum(current_rows - unconfirmed), sum(unconfirmed), count(*) FILTER (WHERE NOT counted))
		FROM metadb.sync_counts`)
	server.PSQL("ENDSYNC DATA SOURCE lib")
	server.WaitFor(patience, "normal", "SELECT source_sync FROM metadb.status")
	server.WaitFor(patience, "2990 10 changed", `SELECT concat_ws(' ', (SELECT count(*) FROM lib.item),
		(SELECT count(*) FROM lib.item__ WHERE NOT __current AND id <= 10), (SELECT title FROM lib.item WHERE id = 11))`)
}
