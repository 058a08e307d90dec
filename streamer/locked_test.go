package streamer

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// holding is a transaction of somebody who has run a statement and stays.
func (b *bed) holding(sql string) pgx.Tx {
	b.Helper()
	conn, err := pgx.ConnectConfig(b.Context(), b.config.Copy())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close(b.Context()) })
	tx, err := conn.Begin(b.Context())
	if err == nil {
		_, err = tx.Exec(b.Context(), sql)
	}
	if err != nil {
		b.Fatal(err)
	}
	return tx
}

// TestOnlyTheTopicsOfALockedTableWait lets somebody hold locks that have nothing to
// do with a schema change: the table's topic waits and says for whom, also
// after a restart; the others go on.
func TestOnlyTheTopicsOfALockedTableWait(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"VACUUM FULL or LOCK TABLE":      "LOCK TABLE lib.item IN ACCESS EXCLUSIVE MODE",
		"CREATE INDEX":                   "CREATE INDEX ON lib.item (more)",
		"the whole table":                "LOCK TABLE lib.item__ IN ACCESS EXCLUSIVE MODE",
		"rows":                           "UPDATE lib.item SET more = 7",
		"our own lock, as of an endsync": "SELECT pg_advisory_xact_lock(1835295235, id) FROM metadb.data_table WHERE table_name = 'item'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			more := func(i int) column { return column{"more", "int32", fmt.Sprint(i)} }
			b.produce(shaped("item", "c", 1, base, more(0)), shaped("other", "c", 1, base, more(0)))
			b.source(`^m\.`)
			stop := b.start()
			b.drained()
			holder := b.holding(sql)
			var records []*kgo.Record
			for i := 1; i <= 20; i++ {
				records = append(records, shaped("item", "u", 1, base+int64(i), more(i)), shaped("other", "u", 1, base+int64(i), more(i)))
			}
			b.produce(records...)
			const position = "SELECT next::text FROM metadb.source_offset WHERE topic = $1"
			waits := func(other string) {
				b.waitFor(other, position, "m.lib.other")
				b.waitFor("active|true", `SELECT source_stream || '|' || (reason = 'table lib.item waits for a lock that somebody holds on it; blocked by process '
					|| $1::text)::text FROM metadb.status`, fmt.Sprint(holder.Conn().PgConn().PID()))
				if got := b.text(position, "m.lib.item"); got != "1" {
					t.Errorf("the locked table's topic is at %s, want 1", got)
				}
			}
			waits("21")
			stop()
			b.produce(shaped("other", "u", 1, base+30, more(30)))
			b.start()
			waits("22")
			if err := holder.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.drained()
			if got := b.text("SELECT string_agg(more::text, ' ' ORDER BY __start) FROM lib.item__"); got != sequence(21) {
				t.Errorf("versions in order: %s", got)
			}
			b.waitFor("active||0", "SELECT concat_ws('|', source_stream, reason, dead_letters) FROM metadb.status")
		})
	}
}

// TestReplayWaitsForItsTable has a letter of a table on which somebody holds a lock,
// and one of another: the replay stands still before the first, the stream goes
// on, and then both are applied.
func TestReplayWaitsForItsTable(t *testing.T) {
	t.Parallel()
	for name, lock := range map[string]string{
		"lock of a batch":  "LOCK TABLE lib.item IN SHARE MODE",
		"schema change":    "SELECT FROM lib.item",
		"the letter's key": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			late := shaped("item", "u", 1, base+5, column{"more", "int32", "5"})
			first := shaped("item", "c", 1, base)
			switch {
			case lock == "":
				late, first = keyless("Größe", "u", 1, base+5, ""), shaped("second", "c", 1, base)
			case name == "lock of a batch":
				first = shaped("item", "c", 1, base, column{"more", "int32", "0"})
			}
			b.produce(first, shaped("other", "c", 1, base))
			b.source(`^m\.`)
			b.start()
			b.drained()
			for _, rec := range []*kgo.Record{late, shaped("other", "u", 2, base+6)} {
				b.exec(`INSERT INTO metadb.dead_letter (source, topic, partition, "offset", record_time, schema_name, table_name, record_key, record_value, reason)
					VALUES ('s', $1, 0, 1000, now(), '', '', $2, $3, 'test')`, rec.Topic, rec.Key, rec.Value)
			}
			var holder pgx.Tx
			if lock != "" {
				holder = b.holding(lock)
			}
			b.exec("CALL metadb.replay_dead_letters('s')")
			b.waitFor("true", "SELECT (reason LIKE '%waits for%')::text FROM metadb.status")
			b.produce(shaped("other", "u", 1, base+10, column{"more", "int32", "10"}))
			b.waitFor("10", "SELECT more::text FROM lib.other WHERE id = 1")
			if got := b.text("SELECT state || ' ' || (SELECT count(*) FROM metadb.dead_letter) FROM metadb.request"); got != "running 2" {
				t.Errorf("the replay: %s, want it to stand still", got)
			}
			if lock != "" {
				if err := holder.Rollback(t.Context()); err != nil {
					t.Fatal(err)
				}
			} else {
				b.produce(named("Größe", shaped("x", "r", 1, base)))
			}
			b.waitFor("done 0", "SELECT state || ' ' || (SELECT count(*) FROM metadb.dead_letter) FROM metadb.request")
			table := "lib.item__"
			if lock == "" {
				table = `lib."Größe__"`
			}
			if got := b.text("SELECT count(*) || ' ' || max(__start AT TIME ZONE 'UTC') FROM " + table); got != "2 2023-11-14 22:13:20.005" {
				t.Errorf("versions of the letter's table: %s", got)
			}
		})
	}
}

// TestOnlyTheTopicsOfALetterWait has a record that is set aside, and confirms its row,
// while somebody holds the lock of its table: nothing else of the batch names this
// table.
func TestOnlyTheTopicsOfALetterWait(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	more := func(value string) column { return column{"more", "int32", value} }
	b.produce(shaped("item", "c", 1, base, more("1")), shaped("other", "c", 1, base, more("1")))
	b.source(`^m\.`)
	b.start()
	b.drained()
	b.exec("CALL metadb.sync_data_source('s')")
	b.waitFor("2", "SELECT adopted::integer + mode - 1 || '' FROM metadb.source_sync")
	holder := b.holding("SELECT pg_advisory_xact_lock(1835295235, id) FROM metadb.data_table WHERE table_name = 'item'")
	b.produce(shaped("item", "u", 1, base+1, more(`"many"`)), shaped("other", "u", 1, base+1, more("2")))
	const position = "SELECT next::text FROM metadb.source_offset WHERE topic = $1 ORDER BY stream DESC LIMIT 1"
	b.waitFor("true", "SELECT (reason LIKE 'table lib.item waits for a lock%')::text FROM metadb.status")
	b.produce(shaped("other", "u", 1, base+2, more("3")))
	b.waitFor("3", position, "m.lib.other")
	if got := b.text(position, "m.lib.item") + b.text("SELECT count(*)::text FROM metadb.dead_letter"); got != "10" {
		t.Errorf("the locked table's topic and letters: %s, want 10", got)
	}
	if err := holder.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.waitFor("2", position, "m.lib.item")
	b.waitFor("1|0", `SELECT count(*) || '|' || (SELECT sum(unconfirmed) FROM metadb.sync_status WHERE table_name = 'item') FROM metadb.dead_letter`)
}
