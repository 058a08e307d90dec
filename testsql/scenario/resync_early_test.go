package scenario

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestEarlyEndsync ends a resynchronization in the middle of its snapshot: it is
// refused and nothing changes; forced, what comes later is current again, and the
// source is unsynchronized until a complete one.
func TestEarlyEndsync(t *testing.T) {
	t.Parallel()
	r := smallResync
	s := synchronized(t, r)
	s.sql(r.script())
	s.topics = regexp.MustCompile(r.again)
	s.fed(r.after, r.early)
	s.streamDrained()
	conn := s.Conn()
	s.until(conn, "0", "SELECT count(*)::text FROM metadb.sync_counts WHERE NOT counted")
	before := s.remember()
	const state = "SELECT (SELECT count(*) FROM metadb.request), source_sync, unsynchronized FROM metadb.status"
	was := s.sql(state)
	if out := s.PSQL("ENDSYNC DATA SOURCE shop;", "-v", "VERBOSITY=verbose"); !strings.Contains(out, "ERROR:  55000:") {
		t.Errorf("an early endsync: %s", out)
	}
	if got := s.sql(state); got != was || !strings.HasSuffix(got, "|snapshot|f") {
		t.Errorf("after a refused endsync: %s, before it: %s", got, was)
	}
	before.same(s)
	s.sql("ENDSYNC DATA SOURCE shop FORCE ALL;")
	s.ended()
	s.until(conn, "true", "SELECT unsynchronized::text FROM metadb.status")
	before.demandKept(s)
	closed := s.sql("SELECT count(*) FROM h.acct")

	s.fed(r.after, 0)
	s.streamDrained()
	s.equal(r.truth)
	s.demandNoOverlap()
	if got := s.sql("SELECT count(*) FROM h.acct"); got == closed {
		t.Errorf("the early endsync has closed nothing of h.acct: %s rows", got)
	}
	s.until(conn, "true", "SELECT unsynchronized::text FROM metadb.status")

	third := feed{names: r.after.names, was: "hard_resync_same_new", now: "hard_resync_same_third"}
	s.topics = regexp.MustCompile(`^hard_resync_same_third\.`)
	s.sql(fmt.Sprintf("BEGIN; ALTER DATA SOURCE shop OPTIONS (SET topics '%s', SET consumer_group 'third'); SYNC DATA SOURCE shop; COMMIT;", s.topics))
	s.fed(third, 0)
	s.streamDrained()
	s.complete()
	s.until(conn, "true", "SELECT unsynchronized::text FROM metadb.status")
	s.sql("ENDSYNC DATA SOURCE shop;")
	s.ended()
	s.equal(r.truth)
	s.demandNoOverlap()
	s.until(conn, "false", "SELECT unsynchronized::text FROM metadb.status")
}

// TestResyncWithPartitions resynchronizes with 3 and 8 partitions in each topic while
// readers read; those of the shop have one.
func TestResyncWithPartitions(t *testing.T) {
	t.Parallel()
	long(t)
	for _, partitions := range []int32{3, 8} {
		t.Run(fmt.Sprint(partitions), func(t *testing.T) {
			t.Parallel()
			r := smallResync.over(partitions)
			s := synchronized(t, r)
			before := s.remember()
			stop := s.readers(r)
			s.sql(r.script())
			s.topics = regexp.MustCompile(r.again)
			s.fed(r.after, r.snapshot)
			s.complete()
			live := make(chan error, 1)
			go func() { live <- s.fill(t.Context(), r.after, 0, 200) }()
			s.sql("ENDSYNC DATA SOURCE shop;")
			s.ended()
			if err := <-live; err != nil {
				t.Fatal(err)
			}
			s.streamDrained()
			stop()
			s.demand(r, before, true)
		})
	}
}
