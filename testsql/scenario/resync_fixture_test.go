package scenario

import (
	"fmt"
	"regexp"
	"testing"

	"metadb/testsql/compare"
	"metadb/testsql/kafka"
)

// resync is a resynchronization that recordings hold: those of a first connector,
// and that of a second one, in topics of its own, after changes that nobody captured.
type resync struct {
	before, after  feed
	topics, again  string // the option topics, before and after
	snapshot       int    // so many records of after hold its whole snapshot; 0: all are one piece
	early          int    // so many only a part of it
	truth          compare.Options
	force          string   // what the ENDSYNC must name
	forced         []string // the same for a CALL
	watched, topic string   // a table that is read all the time; its topic in after

}

var shopResync = resync{
	before: feed{names: []string{"shop"}}, topics: shopTopics,
	after: feed{names: []string{"shop_resync"}}, again: `^metadb_shop_2\.`,
	truth:   compare.Options{Capture: "shop_resync", Oracle: "3_after_endsync"},
	force:   " FORCE TABLE shop.doomed, shop.scratch_truncate",
	forced:  []string{"shop", "doomed", "shop", "scratch_truncate"},
	watched: "shop.customers", topic: "metadb_shop_2.shop.customers",
}

var smallResync = resync{
	before: feed{names: []string{"hard/resync_same_topics/stage1", "hard/resync_same_topics/stage2"}}, topics: `^hard_resync_same\.`,
	after: feed{names: []string{"hard/resync_same_topics_new_prefix/stage3"}}, again: `^hard_resync_same_new\.`,
	snapshot: 1000, early: 300, truth: compare.Options{Capture: "hard/resync_same_topics_new_prefix/stage3"},
	watched: "h.acct", topic: "hard_resync_same_new.h.acct",
}

// over is the same with so many partitions in each topic.
func (r resync) over(partitions int32) resync {
	r.before.partitions, r.after.partitions = partitions, partitions
	return r
}

// synchronized is a stage with a server that has read what came before the
// resynchronization and left the initial mode.
func synchronized(t *testing.T, r resync) *stage {
	t.Helper()
	s := initial(t, r)
	s.WaitFor(settle, "snapshot_complete", "SELECT source_sync FROM metadb.status")
	s.sql("ENDSYNC DATA SOURCE shop;")
	s.WaitFor(settle, "normal", "SELECT source_sync FROM metadb.status")
	return s
}

// initial is a stage with a server that has read what came before.
func initial(t *testing.T, r resync) *stage {
	t.Helper()
	s := newStage(t, kafka.Options{})
	s.Start()
	conn := s.Conn()
	for parameter, value := range map[string]string{"sync_grace_seconds": "0", "checkpoint_segment_size": "200"} {
		if _, err := conn.Exec(t.Context(), "UPDATE metadb.config SET value = $2 WHERE parameter = $1", parameter, value); err != nil {
			t.Fatal(err)
		}
	}
	s.fed(r.before, 0)
	s.topics = regexp.MustCompile(r.topics)
	s.sql(fmt.Sprintf(`CREATE DATA SOURCE shop TYPE kafka OPTIONS (
		brokers '%s', security 'plaintext', topics '%s', consumer_group 'scenario', on_bad_value 'null');`, s.broker.Addr(), r.topics))
	s.streamDrained()
	return s
}

// streamDrained waits until the source's present stream has read its topics to their
// ends.
func (s *stage) streamDrained() {
	s.Helper()
	total := int64(0)
	for topic, parts := range s.broker.EndOffsets() {
		if s.topics.MatchString(topic) {
			for _, end := range parts {
				total += end
			}
		}
	}
	s.until(s.Conn(), fmt.Sprint(total), fmt.Sprintf(`SELECT coalesce(sum(o.next), 0)::text
		FROM metadb.source_offset o JOIN metadb.source_state USING (source, stream) WHERE o.topic ~ '%s'`, s.topics))
}

// script is the procedure up to the second connector, as one transaction.
func (r resync) script() string {
	return "BEGIN;\n" + r.alter() + "\nSYNC DATA SOURCE shop;\nCOMMIT;"
}

func (r resync) alter() string {
	return fmt.Sprintf("ALTER DATA SOURCE shop OPTIONS (SET topics '%s', SET consumer_group 'again');", r.again)
}

// complete waits until the snapshot is complete and all tables are counted.
func (s *stage) complete() {
	s.Helper()
	s.WaitFor(settle, "snapshot_complete", "SELECT source_sync FROM metadb.status")
	s.until(s.Conn(), "0", "SELECT count(*)::text FROM metadb.sync_counts WHERE NOT counted")
}

// ended waits for the end of an endsync and demands that it was not refused.
func (s *stage) ended() {
	s.Helper()
	conn := s.Conn()
	s.until(conn, "0", "SELECT count(*)::text FROM metadb.request WHERE finished_at IS NULL")
	s.until(conn, "true", "SELECT (SELECT state LIKE 'done%' FROM metadb.request WHERE kind = 'endsync' ORDER BY id DESC LIMIT 1)::text")
	s.until(conn, "normal", "SELECT source_sync FROM metadb.status")
}
