package scenario

import (
	"encoding/csv"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"

	"metadb/testsql/captures"
	"metadb/testsql/instance"
	"metadb/testsql/kafka"
	"metadb/testsql/pgtest"
)

// playRate makes a recording last some seconds, so that faults fall into it.
const playRate = 2500

// TestBrokerRestarts kills the broker in the middle of the recording.
func TestBrokerRestarts(t *testing.T) {
	t.Parallel()
	s := newStage(t, kafka.Options{Play: []string{"shop"}, Rate: playRate})
	s.Start()
	s.createSource(shopTopics)
	stop := s.readBeside(wholeStates(shop.Capture))
	for range 2 {
		s.untilMoved()
		s.broker.Kill()
		s.until(s.Conn(), "true", `SELECT (source_stream = 'error' AND reason LIKE '%connect to broker%')::text FROM metadb.status`)
		s.broker.Restart()
	}
	s.played()
	s.drained()
	s.back()
	stop()
	s.equal(shop)
}

// back waits until the status says that all is well again. Nothing was set aside,
// but for the two records of the recording that hold no value of their type.
func (s *stage) back() {
	s.Helper()
	s.until(s.Conn(), "active||0|2", "SELECT concat_ws('|', source_stream, reason, lag, dead_letters) FROM metadb.status")
}

// TestPostgresRestarts crashes the warehouse in the middle of the recording.
func TestPostgresRestarts(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	s := &stage{T: t, broker: kafka.Start(t, kafka.Options{Play: []string{"shop"}, Rate: playRate}),
		Instance: instance.New(t, instance.Warehouse{
			Host: server.Host(), Port: server.Port(), Database: "postgres", User: server.User(), Password: server.Password(),
		})}
	s.Start()
	s.createSource(shopTopics)
	for range 2 {
		s.untilMoved()
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.played()
	s.drained()
	s.back()
	s.equal(shop)
	if s.Dead() {
		t.Error("the server has ended")
	}
}

// untilMoved waits until the stored positions move.
func (s *stage) untilMoved() {
	s.Helper()
	conn := s.Conn()
	var at string
	if err := conn.QueryRow(s.Context(), "SELECT coalesce(sum(next), 0)::text FROM metadb.source_offset").Scan(&at); err != nil {
		s.Fatal(err)
	}
	s.until(conn, "true", "SELECT (coalesce(sum(next), 0) > "+at+" + 200)::text FROM metadb.source_offset")
}

// TestSentAgainAfterRestart lets the connector send its tail again after a restart
// of the server: nothing may change.
func TestSentAgainAfterRestart(t *testing.T) {
	t.Parallel()
	s := newStage(t, kafka.Options{Play: []string{"shop"}})
	s.Start()
	s.createSource(shopTopics)
	s.played()
	s.drained()
	versions := s.versions()
	s.Kill()
	again := resent(t)
	s.broker.Produce(again...)
	s.Start()
	s.drained()
	if got := s.versions(); got != versions {
		t.Errorf("%d versions after %d records were sent again, %d before", got, len(again), versions)
	}
	s.equal(shop)
}

// versions counts the rows of all history tables.
func (s *stage) versions() int64 {
	s.Helper()
	conn := s.Conn()
	rows, err := conn.Query(s.Context(), "SELECT schema_name, table_name FROM metadb.base_table")
	if err != nil {
		s.Fatal(err)
	}
	type name struct{ Schema, Table string }
	names, err := pgx.CollectRows(rows, pgx.RowToStructByPos[name])
	if err != nil {
		s.Fatal(err)
	}
	total := int64(0)
	for _, n := range names {
		var count int64
		if err := conn.QueryRow(s.Context(), "SELECT count(*) FROM "+mainTable(s.T, conn, n.Schema, n.Table)).Scan(&count); err != nil {
			s.Fatal(err)
		}
		total += count
	}
	return total
}

// resent are the records of shop that the restarted connector sent again.
func resent(t *testing.T) []captures.Record {
	t.Helper()
	f, err := captures.Files().Open("shop/resent.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	type place struct {
		topic     string
		partition int32
		offset    int64
	}
	wanted := make(map[place]bool)
	column := func(name string) int {
		for i, c := range lines[0] {
			if c == name {
				return i
			}
		}
		t.Fatalf("resent.csv has no column %s: %v", name, lines[0])
		return 0
	}
	for _, l := range lines[1:] {
		offset, err := strconv.ParseInt(l[column("offset")], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		wanted[place{l[column("topic")], 0, offset}] = true
	}
	var records []captures.Record
	for r, err := range captures.Read("shop") {
		if err != nil {
			t.Fatal(err)
		}
		if wanted[place{r.Topic, r.Partition, r.Offset}] {
			records = append(records, r)
		}
	}
	if len(records) != len(wanted) {
		t.Fatalf("%d of %d records found", len(records), len(wanted))
	}
	return records
}
