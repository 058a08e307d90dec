package scenario

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"metadb/testsql/compare"
	"metadb/testsql/instance"
	"metadb/testsql/kafka"
	"metadb/testsql/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// settle bounds how long a stream may take to catch up, on a busy machine.
const settle = 120 * time.Second

// stage is a server, a broker and a warehouse.
type stage struct {
	*testing.T
	*instance.Instance
	broker *kafka.Broker
	topics *regexp.Regexp
}

// newStage makes a warehouse and a server's data directory; nothing runs yet but
// the broker.
func newStage(t *testing.T, o kafka.Options) *stage {
	t.Helper()
	db := pgtest.Database(t)
	return &stage{T: t, broker: kafka.Start(t, o), Instance: instance.New(t, instance.Warehouse{
		Host: db.Host, Port: db.Port, Database: db.Name, User: db.User, Password: db.Password,
	})}
}

// sql runs a script by psql on the server's port and fails on an error.
func (s *stage) sql(text string) string {
	s.Helper()
	out := s.PSQL(text, "-A", "-t")
	if strings.Contains(out, "ERROR:") || strings.Contains(out, "FATAL:") || strings.Contains(out, "error:") {
		s.Fatalf("%s\n%s", text, out)
	}
	return strings.TrimSpace(out)
}

// createSource creates data source shop over the broker.
func (s *stage) createSource(topics string) {
	s.Helper()
	s.topics = regexp.MustCompile(topics)
	s.sql(fmt.Sprintf(`CREATE DATA SOURCE shop TYPE kafka OPTIONS (
		brokers '%s', security 'plaintext', topics '%s', consumer_group 'scenario');`, s.broker.Addr(), topics))
}

// drained waits until the stored positions are the ends of all topics.
func (s *stage) drained() {
	s.Helper()
	total := int64(0)
	for topic, parts := range s.broker.EndOffsets() {
		if s.topics.MatchString(topic) {
			for _, end := range parts {
				total += end
			}
		}
	}
	s.until(s.Conn(), fmt.Sprint(total), "SELECT coalesce(sum(next), 0)::text FROM metadb.source_offset")
}

// played waits until the broker has the whole recording.
func (s *stage) played() {
	s.Helper()
	if err := s.broker.WaitPlayed(s.Context()); err != nil {
		s.Fatal(err)
	}
}

// equal compares the warehouse with a recording, and demands every table whose
// columns are of the types that 1.4 could hold to be equal.
func (s *stage) equal(o compare.Options) {
	s.Helper()
	report, err := compare.Run(s.Context(), s.Conn(), o)
	if err != nil {
		s.Fatal(err)
	}
	for _, t := range report.Tables {
		if t.Verdict != compare.Equal && t.Verdict != compare.Odd && t.Name != "all_types" {
			s.Errorf("%s of %s.%s: %s", t.Check, t.Schema, t.Name, t.Verdict)
		}
	}
	if s.Failed() {
		_ = report.Print(s.Output())
	}
}

// shop is the recording and what Metadb 1.4 made of it.
var shop = compare.Options{Capture: "shop", Oracle: "1_initial"}

const shopTopics = `^metadb_shop_1\.`
