package streamer

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/twmb/franz-go/pkg/kgo"
)

// snapshotRow makes the record of a row of lib.item in a snapshot that was taken at
// ts, with its mark.
func snapshotRow(id int, ts int64, mark string) *kgo.Record {
	r := event("item", "r", id, `{}`, ts)
	r.Value = bytes.Replace(r.Value, []byte(`"snapshot":"false"`), []byte(fmt.Sprintf(`"snapshot":%q`, mark)), 1)
	return r
}

// waiting is a session that waits for a statement, and the notices it got.
type waiting struct {
	pid    uint32
	cancel context.CancelFunc
	err    chan error

	// mu guards notices.
	mu      sync.Mutex
	notices []string
}

// call runs a statement in a session of its own.
func (b *bed) call(sql string) *waiting {
	b.Helper()
	w := &waiting{err: make(chan error, 1)}
	config := b.config.Copy()
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.notices = append(w.notices, n.Message)
	}
	conn, err := pgx.ConnectConfig(b.Context(), config)
	if err != nil {
		b.Fatal(err)
	}
	w.pid = conn.PgConn().PID()
	ctx, cancel := context.WithCancel(b.Context())
	w.cancel = cancel
	go func() {
		_, err := conn.Exec(ctx, sql)
		w.err <- err
		_ = conn.Close(context.Background())
	}()
	b.Cleanup(cancel)
	return w
}

func (w *waiting) heard(prefix string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.notices, func(n string) bool { return strings.HasPrefix(n, prefix) })
}

// until waits for a notice.
func (w *waiting) until(t *testing.T, prefix string) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !w.heard(prefix); {
		select {
		case err := <-w.err:
			t.Fatalf("the statement has ended: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("no notice %q", prefix)
		}
	}
}

// TestWaitingStatements wait for a snapshot and for an endsync, tell what goes on,
// hold nothing meanwhile, and may be cancelled without harm.
func TestWaitingStatements(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.exec("UPDATE metadb.config SET value = '0' WHERE parameter = 'sync_grace_seconds'")
	var rows []*kgo.Record
	for id := range 20 {
		rows = append(rows, event("item", "c", id, `{}`, 1_700_000_000_000+int64(id)))
	}
	b.produce(rows...)
	b.source(`^m\.`)
	b.start()
	b.drained()

	w := b.call("CALL metadb.sync_data_source_and_wait('s', NULL, false, true)")
	w.until(t, "waiting for snapshot") // so it has begun: earlier rows would confirm nothing
	const renewed = "SELECT (xact_start > $2::timestamptz)::text FROM pg_stat_activity WHERE pid = $1::integer"
	since := b.text("SELECT clock_timestamp()::text")
	b.waitFor("true", renewed, w.pid, since)
	b.exec("SET lock_timeout = '2s'; BEGIN; SELECT FROM metadb.source FOR UPDATE; SELECT FROM metadb.request FOR UPDATE; SELECT FROM metadb.instance FOR UPDATE; ROLLBACK; RESET lock_timeout")
	snapshot := int64(1_700_000_100_000)
	for id := range 18 {
		b.produce(snapshotRow(id, snapshot, "true"))
	}
	b.waitFor("18", "SELECT sum(snapshot_rows)::text FROM metadb.sync_status")
	select {
	case err := <-w.err:
		t.Fatalf("the statement did not wait for the end of the snapshot: %v", err)
	default:
	}
	w.until(t, "snapshotting: ")
	b.produce(snapshotRow(18, snapshot, "last"))
	if err := <-w.err; err != nil {
		t.Fatal(err)
	}
	b.waitFor("snapshot_complete", "SELECT source_sync FROM metadb.status")
	b.waitFor("0", "SELECT count(*)::text FROM metadb.sync_counts WHERE NOT counted OR unconfirmed <> 1")

	w = b.call("CALL metadb.endsync_data_source_and_wait('s', NULL, NULL, false)")
	if err := <-w.err; err != nil {
		t.Fatal(err)
	}
	if got := b.text("SELECT count(*)::text FROM lib.item"); got != "19" {
		t.Errorf("%s rows are current when the statement ends, want 19", got)
	}

	w = b.call("CALL metadb.sync_data_source_and_wait('s', NULL, false, true)")
	b.waitFor("waiting for snapshot", "SELECT sync_state FROM metadb.status")
	w.cancel()
	if err := <-w.err; err == nil {
		t.Fatal("the statement was not cancelled")
	}
	if got := b.text("SELECT string_agg(state, ' ' ORDER BY id) FROM metadb.request"); got != "done done done" {
		t.Errorf("requests: %s", got)
	}
	w = b.call("CALL metadb.sync_data_source_and_wait('s', NULL, false, true)")
	b.waitFor("4", "SELECT count(*)::text FROM metadb.request WHERE state = 'done'")
	b.exec("CALL metadb.cancel_sync('s')")
	if err := <-w.err; err == nil || !strings.Contains(err.Error(), "replaced or cancelled") {
		t.Errorf("after CANCEL SYNC: %v", err)
	}
}
