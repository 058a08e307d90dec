package realkafka

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
)

// TestSnapshotOnRequest asks a real connector for an incremental snapshot, by SYNC …
// WITH SNAPSHOT, while the source changes. The warehouse has a row that the source has
// not, one is missing, and one is wrong: after the endsync it has what the source has.
// That the snapshot is complete is known from the connector's notifications.
func TestSnapshotOnRequest(t *testing.T) {
	t.Parallel()
	long(t)
	source := sourceDatabase(t)
	execute(t, source, tables)
	execute(t, source, "CREATE TABLE lib.signal (id text PRIMARY KEY, type text NOT NULL, data text)")
	broker := Start(t)
	if _, err := kadm.NewClient(broker.Client(t)).CreateTopic(t.Context(), 1, 1, nil, "signals"); err != nil {
		t.Fatal(err)
	}
	connect := broker.StartConnect(t)
	config := connector(source)
	maps.Copy(config, map[string]string{
		"signal.enabled.channels": "source,kafka", "signal.data.collection": "lib.signal", "signal.kafka.topic": "signals", "signal.kafka.bootstrap.servers": broker.Plaintext,
		"incremental.snapshot.chunk.size": "100", "notification.enabled.channels": "sink", "notification.sink.topic.name": "notices",
	})
	connect.Create("lib", config)

	server, warehouse := overWarehouse(t)
	server.Start()
	server.PSQL(fmt.Sprintf(`CREATE DATA SOURCE lib TYPE kafka OPTIONS (brokers '%s', topics '^metadb_lib_1\.lib\.(item|loan|visit|sentinel)$', consumer_group 'lib',
		security 'plaintext', signal_topic 'signals', topic_prefix 'metadb_lib_1', notification_topic 'notices');
		ALTER SYSTEM SET sync_grace_seconds = '1';`, broker.Plaintext))
	server.WaitFor(patience, "snapshot_complete", "SELECT source_sync FROM metadb.status")
	server.PSQL("ENDSYNC DATA SOURCE lib WAIT")
	server.WaitFor(patience, "500 300", "SELECT (SELECT count(*) FROM lib.item) || ' ' || (SELECT count(*) FROM lib.loan)")

	execute(t, warehouse, "DELETE FROM lib.item WHERE id = 7")
	execute(t, warehouse, "UPDATE lib.item__ SET title = 'wrong' WHERE id = 8 AND __current")
	execute(t, warehouse, `INSERT INTO lib.loan__ (__start, __end, __current, __origin, item, who)
		SELECT now() - interval '1 hour', '9999-12-31 00:00:00+00', true, '', 9999, 'nobody'`)
	if out := server.PSQL("SYNC DATA SOURCE lib WITH SNAPSHOT WAIT"); !strings.Contains(out, "lib.visit") {
		t.Errorf("no word about the table without a key: %s", out)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 150 {
		execute(t, source, change(random))
	}
	server.WaitFor(patience, "snapshot_complete", "SELECT source_sync FROM metadb.status")
	execute(t, source, "INSERT INTO lib.sentinel VALUES (1)")
	server.WaitFor(patience, "1", "SELECT count(*) FROM lib.sentinel")
	if out := server.PSQL("ENDSYNC DATA SOURCE lib TABLE lib.item, lib.loan WAIT"); strings.Contains(out, "ERROR") {
		t.Error(out)
	}
	for _, table := range []string{"item", "loan"} {
		want, got := rows(t, source, table), rows(t, warehouse, table)
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
			t.Errorf("current rows of lib.%s, %d (-source +warehouse):\n%s", table, len(want), diff)
		}
	}
}
