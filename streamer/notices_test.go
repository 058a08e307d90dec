package streamer

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/testsql/poll"
)

// notification makes what a connector says of a snapshot, as its sink channel writes it.
func notification(connector, aggregate, kind string, ms int64) *kgo.Record {
	value := fmt.Sprintf(`{"id":"%d","aggregate_type":%q,"type":%q,"additional_data":{"connector_name":%q},"timestamp":%d}`, ms, aggregate, kind, connector, ms)
	if ms%2 == 0 { // with its schema
		value = `{"schema":{"type":"struct","fields":[],"optional":false},"payload":` + value + `}`
	}
	return &kgo.Record{Topic: "notes", Value: []byte(value)}
}

// incrementalRow makes the record of a row that an incremental snapshot of connector m
// brings.
func incrementalRow(id int, ts int64) *kgo.Record {
	r := snapshotRow(id, ts, "incremental")
	r.Value = bytes.Replace(r.Value, []byte(fmt.Sprintf(`"txId":1,"lsn":%d,"sequence":"[\"%d\",\"%d\"]"`, ts, ts, ts)), []byte(`"name":"m","txId":null,"lsn":null`), 1)
	return r
}

// TestEndByNotification knows the end of an incremental snapshot by what the connector
// says: not what it said before the synchronization, nor what another connector says,
// nor that it goes on.
func TestEndByNotification(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.exec("UPDATE metadb.config SET value = '0' WHERE parameter = 'sync_grace_seconds'")
	const ms = 1_700_000_000_000
	b.produce(event("item", "c", 1, `{}`, ms), event("item", "c", 2, `{}`, ms+1), notification("m", noticeIncremental, noticeCompleted, ms+2))
	var read, looks atomic.Int32
	var said atomic.Bool
	b.opt.Reached = func(point string) {
		switch point {
		case "notice.read":
			read.Add(1)
		case "complete.look":
			looks.Add(1)
		case "complete.before":
			if !said.Load() {
				t.Error("complete while the connector goes on")
			}
		}
	}
	more := func(n *atomic.Int32, to int32) { // waits until it has risen
		t.Helper()
		if !poll.Until(t.Context(), 10*time.Millisecond, time.Minute, func() bool { return n.Load() >= to }) {
			t.Fatal("nobody looks at the snapshot, or reads notifications")
		}
	}
	b.source(`^m\.`, "notification_topic", "notes")
	stop := b.start()
	b.drained()
	b.exec("UPDATE metadb.source SET sync = 0")
	b.exec("CALL metadb.sync_data_source('s')")
	b.adopted()
	b.produce(incrementalRow(1, ms+11), incrementalRow(2, ms+11))
	b.produce(notification("m", noticeIncremental, "STARTED", ms+10), notification("m", noticeIncremental, noticeScanned, ms+13), notification("other", noticeIncremental, noticeCompleted, ms+14))
	more(&read, 3)
	b.drained()
	more(&looks, looks.Load()+2)
	stop()
	said.Store(true)
	b.produce(notification("m", noticeIncremental, noticeCompleted, ms+15))
	read.Store(0)
	b.start()
	b.waitFor("notification", "SELECT coalesce(complete_by, '') FROM metadb.source_sync")
	if n := read.Load(); n < 4 {
		t.Errorf("%d notifications were read, want those before the restart, too", n)
	}
	b.produce(incrementalRow(2, ms+20), notification("m", noticeIncremental, "STARTED", ms+16))
	b.waitFor("snapshot", "SELECT source_sync FROM metadb.status")
	b.produce(notification("m", noticeIncremental, noticeCompleted, ms+21))
	b.waitFor("notification", "SELECT coalesce(complete_by, '') FROM metadb.source_sync")
}
