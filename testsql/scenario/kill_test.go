package scenario

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"metadb/testsql/compare"
	"metadb/testsql/kafka"
	"metadb/testsql/poll"
)

// killPoint is a place of the program where the power fails, and how often it is
// passed before that.
type killPoint struct {
	name string
	n    int
	// drawn: the batch in flight has drawn ids by then, so that its rolling back
	// can be seen.
	drawn bool
}

// killPoints are those of every test run.
var killPoints = []killPoint{
	{"ddl.inside", 9, false},
	{"fetch.inside", 3, false},
	{"copy.inside", 30, true},
	{"commit.before", 5, true},
	{"commit.sent", 5, false}, // the answer is never seen: either is right
	{"commit.after", 5, false},
}

// moreKillPoints complete the list in the long run.
var moreKillPoints = []killPoint{
	{"ddl.before", 5, false}, {"ddl.after", 20, false}, {"offsets.before", 3, false}, {"fetch.after", 4, false},
	{"close.before", 4, false}, {"close.after", 5, true}, {"copy.after", 4, true},
	{"stream.before", 1, false}, {"stream.after", 1, false}, {"open.after", 1, false},
	{"place.before", 1, false}, {"place.after", 1, false}, {"group.before", 1, false}, {"group.after", 1, false},
	{"poll.after", 4, false}, {"batch.taken", 6, false}, {"batch.applied", 6, false}, {"split.between", 2, false},
	{"own.before", 7, false}, {"own.after", 8, false},
	{"ddl.created", 12, false}, {"ddl.columns", 13, false}, {"ddl.types", 14, false}, {"ddl.indexes", 15, false}, {"ddl.key", 16, false},
	{"close.inside", 6, false}, {"copy.before", 9, true}, {"truncate.before", 2, false}, {"truncate.after", 3, false},
}

// sharedKillPoints are passed only where topics have several partitions.
var sharedKillPoints = []killPoint{
	{"positions.before", 3, true}, {"positions.after", 4, true},
	{"late.before", 2, false}, {"late.inside", 2, false}, {"late.after", 2, false},
}

// TestKilled kills the server at every point, restarts it, and demands tables
// equal to those of a run without a kill. Whoever reads meanwhile never sees half a batch.
func TestKilled(t *testing.T) {
	t.Parallel()
	points := killPoints
	if os.Getenv("METADB_TEST_LONG") != "" {
		points = append(slices.Clone(points), moreKillPoints...)
	}
	for _, p := range points {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			killAt(t, p, shop, shopTopics)
		})
	}
}

// TestKilledWithPartitions does so with topics of several partitions.
func TestKilledWithPartitions(t *testing.T) {
	t.Parallel()
	if os.Getenv("METADB_TEST_LONG") == "" {
		t.Skip("part of the long run")
	}
	for _, p := range sharedKillPoints {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			killAt(t, p, compare.Options{Capture: "hard/partitions/stage1"}, `^hard_partitions\.`)
		})
	}
}

// killAt kills a server at a point of its way through a recording.
func killAt(t *testing.T, p killPoint, recording compare.Options, topics string) {
	t.Helper()
	s := newStage(t, kafka.Options{Play: []string{recording.Capture}})
	s.played()
	s.Start()
	s.Kill()
	s.createDirectly(topics, 500)
	stop := s.readBeside(wholeStates(recording.Capture))
	s.dies(p.name, p.n)
	s.whole(p.drawn)
	s.Start()
	s.drained()
	stop()
	s.equal(recording)
}

// dies starts the server and waits for its death at a point, passed for the n-th time.
func (s *stage) dies(point string, n int) {
	s.Helper()
	mark := s.launchTo(point, n)
	s.died(point, mark)
}

// launchTo starts the server, which is to die at a point, and returns the file that
// then says so.
func (s *stage) launchTo(point string, n int) (mark string) {
	s.Helper()
	mark = filepath.Join(s.TempDir(), "reached")
	s.Launch(fmt.Sprintf("%s:%d:%s", point, n, mark))
	return mark
}

// died waits for the death at the point.
func (s *stage) died(point, mark string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), settle)
	defer cancel()
	if err := s.AwaitDeath(ctx); err != nil {
		s.Fatalf("%s was not reached: %v\n%s", point, err, s.Log())
	}
	if _, err := os.Stat(mark); err != nil {
		s.Fatalf("the server died, but not at %s: %v\n%s", point, err, s.Log())
	}
}

// createDirectly creates the source while no server runs, through Postgres itself,
// with batches of the given size; the next start meets the whole recording.
func (s *stage) createDirectly(topics string, batch int) {
	s.Helper()
	s.topics = regexp.MustCompile(topics)
	conn := s.Conn()
	if _, err := conn.Exec(s.Context(), "UPDATE metadb.config SET value = $1 WHERE parameter = 'checkpoint_segment_size'", fmt.Sprint(batch)); err != nil {
		s.Fatal(err)
	}
	_, err := conn.Exec(s.Context(), `CALL metadb.create_data_source('shop', 'kafka',
		ARRAY['brokers', $1, 'security', 'plaintext', 'topics', $2, 'consumer_group', 'scenario'])`, s.broker.Addr(), topics)
	if err != nil {
		s.Fatal(err)
	}
}

// whole demands that what the killed server left is a number of whole batches:
// every table with all its parts, and exactly the rows that the ledger names.
// drawn: ids of the batch in flight were drawn and must have come to nothing.
func (s *stage) whole(drawn bool) {
	s.Helper()
	conn := s.Conn()
	s.until(conn, "0", `SELECT count(*)::text FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'metadb'`)
	rows, err := conn.Query(s.Context(), `
		SELECT d.schema_name, d.table_name, coalesce(sum(l.max_id - l.min_id + 1), 0)::bigint
		FROM metadb.data_table d JOIN metadb.base_table USING (schema_name, table_name)
		LEFT JOIN metadb.apply_ledger l ON l.table_id = d.id GROUP BY d.id ORDER BY d.id`)
	if err != nil {
		s.Fatal(err)
	}
	type written struct {
		Schema, Table string
		Rows          int64
	}
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[written])
	if err != nil {
		s.Fatal(err)
	}
	ahead := false
	for _, t := range tables {
		name := mainTable(s.T, conn, t.Schema, t.Table)
		var stored, given int64
		err := conn.QueryRow(s.Context(), "SELECT count(*), nextval(pg_get_serial_sequence($1, '__id')) - 1 FROM "+name, name).Scan(&stored, &given)
		if err != nil {
			s.Fatal(err)
		}
		if stored != t.Rows {
			s.Errorf("%s holds %d rows, the ledger names %d", name, stored, t.Rows)
		}
		ahead = ahead || given > stored
	}
	if drawn && !ahead {
		s.Error("no batch was rolled back")
	}
}

// mainTable is the quoted name of a table's main table, found by its partition.
func mainTable(t *testing.T, conn *pgx.Conn, schema, table string) string {
	t.Helper()
	var name string
	err := conn.QueryRow(t.Context(), `SELECT i.inhparent::regclass::text FROM pg_inherits i
		WHERE i.inhrelid = format('%I.%I', $1::text, $2::text)::regclass`, schema, table).Scan(&name)
	if err != nil {
		t.Fatalf("table %s.%s has no main table: %v", schema, table, err)
	}
	return name
}

// until waits for a query on Postgres itself to answer want.
func (s *stage) until(conn *pgx.Conn, want, sql string) {
	s.Helper()
	got := ""
	if !poll.Until(s.Context(), 20*time.Millisecond, settle, func() bool {
		return conn.QueryRow(s.Context(), sql).Scan(&got) == nil && got == want
	}) {
		s.Fatalf("%s: %q, want %q", sql, got, want)
	}
}
