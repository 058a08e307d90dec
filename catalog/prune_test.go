package catalog

import (
	"fmt"
	"testing"
	"time"

	"metadb/testsql/poll"
)

// prune prunes and demands what is removed.
func (i *initialized) prune(want Pruned) {
	i.Helper()
	got, err := New(i.pool).Prune(i.Context(), func(string) {})
	if err != nil {
		i.Fatal(err)
	}
	if got != want {
		i.Errorf("pruned %+v, want %+v", got, want)
	}
}

// TestPruneLedger: the first call only notes which transactions are over; once that is
// as long ago as they are kept, they go, and the floor says so. One that was under way
// then stays.
func TestPruneLedger(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	write := func(table, rows int) {
		i.state(fmt.Sprintf("INSERT INTO metadb.apply_ledger (table_id, min_id, max_id) SELECT %d, 1, 1 FROM generate_series(1, %d)", table, rows))
	}
	write(1, pruneRows+1)
	write(3, 2)
	i.untilOver()
	open, err := i.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open.Exec(t.Context(), "INSERT INTO metadb.apply_ledger (table_id) VALUES (2)"); err != nil {
		t.Fatal(err)
	}
	i.prune(Pruned{})
	if err := open.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(1, 3)
	i.state("UPDATE metadb.ledger_time SET noted_at = now() - interval '6 days'")
	i.prune(Pruned{})
	if got := i.text("SELECT ledger_floor::text FROM metadb.ledger_state"); got != "0" {
		t.Errorf("floor %s", got)
	}
	i.state("UPDATE metadb.ledger_time SET noted_at = noted_at - interval '1 day 1 hour' WHERE before_xid = (SELECT before_xid FROM metadb.ledger_time ORDER BY before_xid LIMIT 1)")
	i.prune(Pruned{Ledger: pruneRows + 3})
	left := i.text("SELECT string_agg(table_id || ':' || n, ' ' ORDER BY table_id) FROM (SELECT table_id, count(*) AS n FROM metadb.apply_ledger GROUP BY 1) x")
	if left != "1:3 2:1" {
		t.Errorf("left %s", left)
	}
	if got := i.text("SELECT (count(*) FILTER (WHERE xid < ledger_floor) = 0 AND bool_or(ledger_floor > '0'))::text FROM metadb.apply_ledger, metadb.ledger_state"); got != "true" {
		t.Error("rows below the floor are left, or there is no floor")
	}
	i.untilOver()
	i.prune(Pruned{})
	i.state("UPDATE metadb.ledger_time SET noted_at = now() - interval '8 days'")
	i.prune(Pruned{Ledger: 4})
	if got := i.text("SELECT bool_and(before_xid >= ledger_floor)::text FROM metadb.ledger_time, metadb.ledger_state"); got != "true" {
		t.Error("times are kept for ever")
	}
}

// untilOver waits for the transactions of other databases of this cluster that began
// before those in the ledger ended: they count as well.
func (i *initialized) untilOver() {
	i.Helper()
	const over = "SELECT bool_and(xid < pg_snapshot_xmin(pg_current_snapshot()))::text FROM metadb.apply_ledger"
	if !poll.Until(i.Context(), 10*time.Millisecond, time.Minute, func() bool { return i.text(over) == "true" }) {
		i.Fatal("an older transaction never ends")
	}
}

// TestPrune removes what is over, after the time that the parameters say, and nothing
// that is not.
func TestPrune(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	i.state(`INSERT INTO metadb.request (kind, source, state, finished_at) VALUES
		('replay', 's', 'done', now() - interval '31 days'), ('replay', 's', 'failed', now() - interval '29 days'),
		('replay', 's', 'waiting', NULL), ('replay', 's', 'failed', now() - interval '40 days')`)
	i.state(`INSERT INTO metadb.source_gap (source, stream, topic, partition, kind, expected, available, found_at, cleared_at)
		SELECT 's', 1, 't', 0, 'retention', 1, 2, now() - interval '9 years', c FROM (VALUES
		(now() - interval '366 days'), (now() - interval '364 days'), (NULL)) v(c)`)
	i.state(`INSERT INTO metadb.activity (at, role, address, application, backend_pid, statement, text, outcome, sqlstate)
		SELECT a, '', '', '', 1, '', '', 'committed', '' FROM (VALUES (now() - interval '366 days'), (now() - interval '364 days')) v(a)`)
	i.state(`INSERT INTO metadb.early_end (table_id, origin, key_hash, ts_ms, lsn, noted_at)
		SELECT 1, '', '', n, 1, now() - n * interval '1 day' FROM (VALUES (29), (31)) v(n)`)
	i.prune(Pruned{Requests: 2, Gaps: 1, Activity: 1, EarlyEnds: 1})
	if code, message := i.state("CALL metadb.alter_system_set('request_keep_days', '28')"); code != "" {
		t.Fatal(message)
	}
	if code, message := i.state("CALL metadb.alter_system_set('gap_keep_days', '28')"); code != "" {
		t.Fatal(message)
	}
	i.prune(Pruned{Requests: 1, Gaps: 1})
	if got := i.text("SELECT (SELECT string_agg(state, ' ') FROM metadb.request) || ' ' || (SELECT count(*) FROM metadb.source_gap WHERE cleared_at IS NULL)"); got != "waiting 1" {
		t.Errorf("left %s", got)
	}
}
