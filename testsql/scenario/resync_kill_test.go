package scenario

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"testing"
)

// syncKillPoint is a place on the way through a resynchronization where the power
// fails: before its ENDSYNC, or after.
type syncKillPoint struct {
	name   string
	n      int
	ending bool
}

// syncKillPoints are those of every test run.
var syncKillPoints = []syncKillPoint{
	{"turn.after", 1, false},
	{"commit.before", 3, false},
	{"endsync.committed", 3, true},
}

// moreSyncKillPoints complete the list in the long run.
var moreSyncKillPoints = []syncKillPoint{
	{"stream.after", 1, false}, {"turn.before", 1, false}, {"turn.ends", 1, false}, {"open.after", 1, false},
	{"marks.before", 1, false}, {"marks.after", 1, false}, {"offsets.before", 2, false}, {"fetch.after", 3, false},
	{"close.after", 2, false}, {"copy.after", 2, false}, {"commit.sent", 2, false}, {"commit.after", 2, false},
	{"complete.before", 1, false}, {"complete.after", 1, false},
	{"endsync.begun", 1, true}, {"endsync.collected", 4, true}, {"endsync.checked", 1, true}, {"endsync.locked", 5, true},
	{"endsync.chunk", 2, true}, {"endsync.closed", 1, true}, {"endsync.finish", 1, true}, {"endsync.after", 1, true},
}

// TestResyncKilled kills the server at every point of a resynchronization, restarts
// it, and demands what comes of one without a kill.
func TestResyncKilled(t *testing.T) {
	t.Parallel()
	points := syncKillPoints
	if os.Getenv("METADB_TEST_LONG") != "" {
		points = append(slices.Clone(points), moreSyncKillPoints...)
	}
	for _, p := range points {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			resyncKilledAt(t, smallResync, p)
		})
	}
}

// TestResyncKilledWithPartitions does so with one partition in each topic, as the shop
// has them, with 3 and with 8.
func TestResyncKilledWithPartitions(t *testing.T) {
	t.Parallel()
	long(t)
	for _, partitions := range []int32{1, 3, 8} {
		r := shopResync
		if partitions > 1 {
			r = smallResync.over(partitions)
		}
		for _, p := range []syncKillPoint{{"commit.sent", 4, false}, {"complete.after", 1, false}, {"endsync.chunk", 2, true}} {
			t.Run(fmt.Sprintf("%d_%s", partitions, p.name), func(t *testing.T) {
				t.Parallel()
				resyncKilledAt(t, r, p)
			})
		}
	}
}

// TestInitialEndsyncKilled kills the server while it leaves the initial mode.
func TestInitialEndsyncKilled(t *testing.T) {
	t.Parallel()
	long(t)
	r := smallResync
	s := initial(t, r)
	s.WaitFor(settle, "snapshot_complete", "SELECT source_sync FROM metadb.status")
	s.Kill()
	if _, err := s.Conn().Exec(t.Context(), "CALL metadb.endsync_data_source('shop')"); err != nil {
		t.Fatal(err)
	}
	before := s.remember()
	s.dies("initial.inferred", 1)
	s.Start()
	s.ended()
	before.same(s)
}

// resyncKilledAt kills a server at a point of its way through a resynchronization.
// What the second connector streams behind its snapshot comes while it ends.
func resyncKilledAt(t *testing.T, r resync, p syncKillPoint) {
	t.Helper()
	s := synchronized(t, r)
	before := s.remember()
	s.Kill()
	s.fed(r.after, r.snapshot)
	conn := s.Conn()
	for _, sql := range []string{
		"BEGIN",
		fmt.Sprintf("CALL metadb.alter_data_source('shop', ARRAY['set', 'topics', '%s', 'set', 'consumer_group', 'again'])", r.again),
		"CALL metadb.sync_data_source('shop')",
		"COMMIT",
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	s.topics = regexp.MustCompile(r.again)
	if p.ending {
		s.Start()
		s.complete()
		s.Kill()
		if _, err := conn.Exec(t.Context(), "CALL metadb.endsync_data_source('shop', NULL, $1)", r.forced); err != nil {
			t.Fatal(err)
		}
	}
	live := make(chan error, 1)
	go func() { live <- s.fill(t.Context(), r.after, 0, 100) }()
	s.dies(p.name, p.n)
	s.Start()
	if err := <-live; err != nil {
		t.Fatal(err)
	}
	s.streamDrained()
	if !p.ending {
		s.complete()
		s.sql("ENDSYNC DATA SOURCE shop" + r.force + ";")
	}
	s.ended()
	s.streamDrained()
	s.demand(r, before, p.ending)
}
