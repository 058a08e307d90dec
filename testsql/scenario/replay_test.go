package scenario

import (
	"testing"

	"metadb/testsql/kafka"
)

// replayKillPoints are the places of one replay at which the server is killed, one
// after the other, and how many letters it gets further before each.
var replayKillPoints = []killPoint{
	{"replay.taken", 1, false},
	{"replay.before", 2, false},
	{"replay.inside", 3, false},
	{"close.after", 1, false},
	{"replay.written", 2, false},
	{"commit.sent", 2, false}, // the answer is never seen: either is right
	{"replay.after", 3, false},
	{"replay.finish", 1, false},
}

// TestKilledInAReplay sets all rows of a table aside, as a user's table is in the
// way, while their deletes find nothing; and kills the server again and again while it replays them. In the end the
// tables are as if nothing had ever been in the way.
func TestKilledInAReplay(t *testing.T) {
	t.Parallel()
	s := newStage(t, kafka.Options{Play: []string{shop.Capture}})
	s.played()
	s.Start()
	s.Kill()
	s.exec(`CREATE SCHEMA "Sales Dept"`, `CREATE TABLE "Sales Dept"."Order Lines" (mine integer)`)
	s.createDirectly(shopTopics, 500)
	s.Start()
	s.drained()
	conn := s.Conn()
	const letters = "SELECT count(*)::text FROM metadb.dead_letter WHERE table_name = 'Order Lines'"
	s.until(conn, "35", letters)
	s.Kill()
	s.exec(`DROP TABLE "Sales Dept"."Order Lines"`, "CALL metadb.replay_dead_letters('shop')")
	for _, p := range replayKillPoints {
		s.dies(p.name, p.n)
		s.whole(p.drawn)
	}
	s.Start()
	// Two letters stay: dates that PostgreSQL does not hold.
	s.until(conn, "failed", "SELECT state FROM metadb.request")
	s.until(conn, "2 all_types", "SELECT count(*) || ' ' || min(table_name) FROM metadb.dead_letter")
	s.until(conn, "0", "SELECT count(*)::text FROM metadb.source_gap WHERE cleared_at IS NULL")
	s.equal(shop)
}

// exec runs statements on Postgres itself.
func (s *stage) exec(statements ...string) {
	s.Helper()
	for _, sql := range statements {
		if _, err := s.Conn().Exec(s.Context(), sql); err != nil {
			s.Fatalf("%s: %v", sql, err)
		}
	}
}
