package streamer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/testsql/broker"
	"metadb/testsql/captures"
)

// damage does to a name what the connector does in streamed events.
func damage(name string) string {
	var out strings.Builder
	for _, c := range []byte(name) {
		if c < 0x80 {
			out.WriteByte(c)
		} else {
			out.WriteRune(0xff00 + rune(c))
		}
	}
	return out.String()
}

// named gives an event of a table that another name stands for.
func named(table string, r *kgo.Record) *kgo.Record {
	from := strings.TrimPrefix(r.Topic, "m.lib.")
	r.Topic = "m.lib." + strings.Map(func(c rune) rune {
		if c > 0x7f {
			return '_'
		}
		return c
	}, table)
	r.Value = []byte(strings.Replace(string(r.Value), `"table":"`+from+`"`, `"table":"`+table+`"`, 1))
	return r
}

// keyless is an event as the connector sends it under a damaged name: without its
// key. before is the row before, in JSON; "": none. Column more says how long after
// base it was.
func keyless(table, op string, id int, ts int64, before string) *kgo.Record {
	r := named(damage(table), shaped("x", op, id, ts, column{"more", "int32", fmt.Sprint(ts - base)}))
	r.Key = nil
	value := string(r.Value)
	if before != "" {
		value = strings.Replace(value, `"before":null`, `"before":`+before, 1)
	}
	if op == "d" {
		value = strings.Replace(value, fmt.Sprintf(`"after":{"id":%d,"more":%d}`, id, ts-base), `"after":null`, 1)
	}
	r.Value = []byte(value)
	return r
}

// playTopic produces one topic of a recording.
func (b *bed) playTopic(name, topic string) {
	b.Helper()
	records := func(yield func(captures.Record, error) bool) {
		for rec, err := range captures.Read(name) {
			if (err != nil || rec.Topic == topic) && !yield(rec, err) {
				return
			}
		}
	}
	if _, err := broker.Fill(b.Context(), b.kafka.Addr(), broker.Partitions{topic: 1}, records, 0); err != nil {
		b.Fatal(err)
	}
}

const waitsForKey = "SELECT (reason LIKE '%table ' || $1 || ' waits for its key:%')::text FROM metadb.status"

// TestBulkDamagedNameWaitsForItsKey reads the recorded topic with the damaged name, whose
// events have no key, before and after the one that brings the key.
func TestBulkDamagedNameWaitsForItsKey(t *testing.T) {
	t.Parallel()
	const right, wrong = "metadb_shop_1.Sales_Dept.R_gion", "metadb_shop_1.Sales_Dept.R__gion"
	for name, first := range map[string]string{"before": wrong, "after": right} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.source(`^metadb_shop_1\.Sales_Dept\.R_*gion$`)
			stop := b.start()
			b.playTopic("shop", first)
			if first == wrong {
				b.waitFor("true", waitsForKey, "Sales Dept.Région")
				since := b.text("SELECT since::text FROM metadb.key_wait")
				stop()
				b.start()
				b.waitFor("true", waitsForKey, "Sales Dept.Région")
				if got := b.text("SELECT since::text FROM metadb.key_wait"); got != since {
					t.Errorf("the wait began again at %s, was %s", got, since)
				}
				b.playTopic("shop", right)
			} else {
				b.drained()
				b.playTopic("shop", wrong)
			}
			b.drained()
			if got := b.text(`SELECT string_agg(concat_ws(' ', id, "Größe", __current), '; ' ORDER BY id, __start) FROM "Sales Dept"."Région__"`); got != "1 grün f; 1 groß t; 2 blå t" {
				t.Errorf("rows: %s", got)
			}
			b.waitFor("active||0|0", "SELECT concat_ws('|', source_stream, reason, dead_letters, (SELECT count(*) FROM metadb.key_wait)) FROM metadb.status")
		})
	}
}

// TestTwoDamagedNames lets two tables wait of which only one gets its key, while
// the events under its right name, and all others, go on.
func TestTwoDamagedNames(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.source(`^m\.`)
	b.start()
	b.produce(keyless("Größe", "u", 1, base+5, ""), keyless("Länge", "d", 2, base+5, `{"id":2,"more":null}`), shaped("other", "c", 1, base))
	b.waitFor("true", waitsForKey, "lib.Größe")
	b.waitFor("true", waitsForKey, "lib.Länge")
	b.waitFor("1", "SELECT count(*)::text FROM lib.other")
	b.produce(named("Größe", shaped("x", "r", 1, base)))
	b.waitFor("2", `SELECT count(*)::text FROM lib."Größe__" WHERE id = 1`)
	b.waitFor("0 true", "SELECT (SELECT count(*) FROM metadb.source_offset WHERE topic = 'm.lib.L__nge' AND next > 0) || ' ' || (reason LIKE 'table lib.Länge%')::text FROM metadb.status")
	b.produce(named("Länge", shaped("x", "r", 3, base)))
	b.drained()
	b.waitFor("0", "SELECT dead_letters::text FROM metadb.status")
}

// TestKeyThatNeverComes gives up: rows are kept, and what cannot be applied without
// the key becomes dead letters, which are brought back once it is known after all.
func TestKeyThatNeverComes(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.exec("CALL metadb.alter_system_set('key_max_wait', '1')")
	b.source(`^m\.`)
	stop := b.start()
	b.produce(keyless("Größe", "c", 1, base, ""), keyless("Größe", "c", 2, base, ""), keyless("Größe", "u", 1, base+5, ""),
		keyless("Größe", "d", 7, base+6, `{"id":7,"more":null}`), keyless("Größe", "d", 2, base+7, `{"id":2,"more":0}`))
	b.drained()
	b.waitFor("3,4|1|t", `SELECT concat_ws('|', (SELECT string_agg(("offset"+1)::text, ',' ORDER BY "offset") FROM metadb.dead_letter),
		(SELECT string_agg(id::text, ' ') FROM lib."Größe"), (SELECT bool_and(given_up_at IS NOT NULL) FROM metadb.key_wait))`)
	stop()
	b.exec("CALL metadb.alter_system_set('key_max_wait', '300000')")
	b.start()
	b.produce(keyless("Größe", "u", 9, base+8, ""))
	b.waitFor("3", "SELECT count(*)::text FROM metadb.dead_letter") // it is not waited for again
	b.produce(named("Größe", shaped("x", "r", 1, base)))
	b.drained()
	b.exec("CALL metadb.replay_dead_letters('s')")
	b.waitFor("done 0", "SELECT state || ' ' || (SELECT count(*) FROM metadb.dead_letter) FROM metadb.request")
	if got := b.text(`SELECT string_agg(id::text, ' ' ORDER BY id) FROM lib."Größe"`); got != "1 9" {
		t.Errorf("rows: %s", got)
	}
}

// TestKeyEndsItsWait lets the key come before anybody waits again for it, as after a
// restart that reads the right name first: the wait that was noted is over.
func TestKeyEndsItsWait(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.source(`^m\.`)
	b.exec("INSERT INTO metadb.key_wait (source, schema_name, table_name) VALUES ('s', 'lib', 'Größe'), ('s', 'lib', 'Länge')")
	b.start()
	b.produce(named("Größe", shaped("x", "r", 1, base)))
	b.drained()
	if got := b.text("SELECT string_agg(table_name, ' ') FROM metadb.key_wait"); got != "Länge" {
		t.Errorf("tables that wait for their key: %s", got)
	}
}

// newDamagedBed streams a table, of row 99 so far, whose name the connector damages and
// whose key is known.
func newDamagedBed(t *testing.T) (b *bed, stop func()) {
	t.Helper()
	b = newBed(t)
	b.source(`^m\.`)
	stop = b.start()
	b.produce(named("Größe", shaped("x", "r", 99, base)))
	b.drained()
	return b, stop
}

// TestDamagedEventsOfOneMillisecond reads a snapshot's row behind a change and a delete
// of the same millisecond, which end what the change has written: the row has ended too.
func TestDamagedEventsOfOneMillisecond(t *testing.T) {
	t.Parallel()
	b, stop := newDamagedBed(t)
	del := func(id int) *kgo.Record {
		return keyless("Größe", "d", id, base, fmt.Sprintf(`{"id":%d,"more":0}`, id))
	}
	moved := keyless("Größe", "u", 4, base, `{"id":3,"more":0}`)
	b.produce(keyless("Größe", "u", 1, base, ""), keyless("Größe", "u", 2, base, ""), keyless("Größe", "u", 3, base, ""))
	b.drained()
	b.produce(del(1), named("Größe", shaped("x", "r", 1, base)), del(2), moved) // in one batch, or in two
	b.drained()
	stop()
	b.start()
	b.produce(named("Größe", shaped("x", "r", 2, base)), named("Größe", shaped("x", "r", 3, base)))
	b.drained()
	if got := b.text(`SELECT string_agg(id::text, ' ') FROM lib."Größe" WHERE id < 99`); got != "4" {
		t.Errorf("current: %s", got)
	}
}

// TestDamagedEventsBeforeTheSnapshot reads what was streamed under the damaged name
// before the snapshot's row of the same key, which comes by another topic: the row
// becomes a version that has ended.
func TestDamagedEventsBeforeTheSnapshot(t *testing.T) {
	t.Parallel()
	b, stop := newDamagedBed(t)
	del := func(id int, ts int64) *kgo.Record {
		return keyless("Größe", "d", id, ts, fmt.Sprintf(`{"id":%d,"more":null}`, id))
	}
	b.produce(del(1, base+1), // of a row that only the snapshot has
		keyless("Größe", "u", 2, base+2, ""), del(2, base+3), // changed first
		del(3, base+4), keyless("Größe", "c", 3, base+5, ""), // inserted again
		keyless("Größe", "c", 4, base+6, ""), del(4, base+7), // not in the snapshot
		keyless("Größe", "u", 6, base+8, `{"id":5,"more":null}`)) // 5 became 6
	b.drained()
	stop() // what came first is known over a restart
	b.start()
	for id := range 7 {
		if id != 4 && id != 6 {
			b.produce(named("Größe", shaped("x", "r", id, base)))
		}
	}
	b.produce(named("Größe", shaped("x", "r", 1, base+20))) // a snapshot of later
	b.drained()
	b.produce(keyless("Größe", "c", 1, base+9, "")) // which lies behind this
	b.drained()
	if got := b.text(`SELECT string_agg(id || ' ' || (extract(epoch FROM __start) * 1000)::bigint - $1 || ' ' ||
			CASE WHEN __current THEN 'now' ELSE ((extract(epoch FROM __end) * 1000)::bigint - $1)::text END, ', ' ORDER BY id, __start)
			FROM lib."Größe__" WHERE id < 99`, base); got !=
		"0 0 now, 1 0 1, 1 9 20, 1 20 now, 2 0 2, 2 2 3, 3 0 4, 3 5 now, 4 6 7, 5 0 8, 6 8 now" {
		t.Errorf("versions: %s", got)
	}
	truncate := keyless("Größe", "t", 0, base+30, "")
	truncate.Value = []byte(strings.Replace(string(truncate.Value), `"after":{"id":0,"more":30}`, `"after":null`, 1))
	b.produce(truncate)
	b.drained()
	b.produce(named("Größe", shaped("x", "r", 7, base+25)))
	b.drained()
	if got := b.text(`SELECT count(*) || ' ' || count(*) FILTER (WHERE __current) FROM lib."Größe__" WHERE id IN (3, 7)`); got != "3 0" {
		t.Errorf("rows behind a truncate, and current ones: %s", got)
	}
}
