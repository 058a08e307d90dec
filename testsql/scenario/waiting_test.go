package scenario

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/testsql/kafka"
)

// waitingKillPoints are the places of a table's wait at which the server is killed,
// one after the other: its partition is cut; its topic is paused; somebody has made
// way and its schema is changed; it is free; its topic is to be read again.
var waitingKillPoints = []struct {
	name  string
	freed bool // behind the moment at which somebody makes way
}{
	{"hold.cut", false}, {"hold.paused", false}, {"hold.made", true}, {"hold.freed", true}, {"hold.resume", true},
}

// TestKilledWhileATableWaits has every kill in another schema change of one table
// for which somebody's lock is in the way. In the end the table has its versions,
// each once and in order, and so has another that did not wait.
func TestKilledWhileATableWaits(t *testing.T) {
	t.Parallel()
	s := newStage(t, kafka.Options{})
	s.produce("item", 0, 0)
	s.produce("other", 0, 0)
	s.Start()
	s.createSource(`^w\.`)
	s.until(s.Conn(), "1 1", "SELECT (SELECT count(*) FROM lib.item__) || ' ' || (SELECT count(*) FROM lib.other__)")
	s.Kill()
	for i, p := range waitingKillPoints {
		reader := s.reading("SELECT FROM lib.item")
		s.produce("item", i+1, 3)
		s.produce("other", 0, 3)
		s.exec("UPDATE metadb.source_status SET reason = ''") // what the one before has said
		mark := s.launchTo(p.name, 1)
		if p.freed {
			s.until(s.Conn(), "true", "SELECT coalesce(bool_or(reason LIKE '%table lib.item waits for locks%'), false)::text FROM metadb.source_status")
			s.rollback(reader)
		}
		s.died(p.name, mark)
		if !p.freed {
			s.rollback(reader)
		}
		s.whole(false)
	}
	s.Start()
	s.drained()
	const versions = `SELECT string_agg(n::text, ' ' ORDER BY __start, n) FROM lib.%s__`
	for _, table := range []string{"item", "other"} {
		s.until(s.Conn(), "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15", fmt.Sprintf(versions, table))
	}
	s.until(s.Conn(), "1 0", "SELECT (SELECT count(*) FROM lib.item) || ' ' || (SELECT count(*) FROM metadb.dead_letter)")
}

// reading is a transaction of somebody who has run a statement and stays.
func (s *stage) reading(sql string) pgx.Tx {
	s.Helper()
	tx, err := s.Conn().Begin(s.Context())
	if err == nil {
		_, err = tx.Exec(s.Context(), sql)
	}
	if err != nil {
		s.Fatal(err)
	}
	return tx
}

func (s *stage) rollback(tx pgx.Tx) {
	s.Helper()
	if err := tx.Rollback(s.Context()); err != nil {
		s.Error(err)
	}
}

// produce adds n updates of row 1 of a table, or creates it, each with the next
// number; columns is how many columns the row has beside.
func (s *stage) produce(table string, columns, n int) {
	s.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.broker.Addr()))
	if err != nil {
		s.Fatal(err)
	}
	defer client.Close()
	topic := "w.lib." + table
	admin := kadm.NewClient(client)
	ends, err := admin.ListEndOffsets(s.Context(), topic)
	at := int64(0)
	if end, ok := ends.Lookup(topic, 0); err == nil && ok && end.Err == nil {
		at = end.Offset
	} else if _, err := admin.CreateTopic(s.Context(), 1, 1, nil, topic); err != nil {
		s.Fatal(err)
	}
	op := "u"
	if n == 0 {
		op, n = "c", 1
	}
	for i := range int64(n) {
		if err := client.ProduceSync(s.Context(), numbered(topic, table, op, columns, at+i)).FirstErr(); err != nil {
			s.Fatal(err)
		}
	}
}

// numbered is an event of row 1 of a table, at its number in time.
func numbered(topic, table, op string, columns int, n int64) *kgo.Record {
	fields, row := `{"type":"int32","optional":false,"field":"id"},{"type":"int64","optional":true,"field":"n"}`, fmt.Sprintf(`"id":1,"n":%d`, n)
	for c := range columns {
		fields += fmt.Sprintf(`,{"type":"int32","optional":true,"field":"c%d"}`, c)
		row += fmt.Sprintf(`,"c%d":%d`, c, n)
	}
	ts := 1_700_000_000_000 + n
	value := fmt.Sprintf(`{"schema":{"type":"struct","fields":[{"type":"struct","fields":[%s],"optional":true,"name":"v","field":"before"},`+
		`{"type":"struct","fields":[%s],"optional":true,"name":"v","field":"after"}],"optional":false,"name":"e"},`+
		`"payload":{"before":null,"after":{%s},"source":{"ts_ms":%d,"snapshot":"false","schema":"lib","table":%q,"txId":1,"lsn":%d,`+
		`"sequence":"[\"%d\",\"%d\"]"},"op":%q,"ts_ms":%d}}`, fields, fields, row, ts, table, ts, ts, ts, op, ts)
	key := `{"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"name":"k"},"payload":{"id":1}}`
	return &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte(value)}
}
