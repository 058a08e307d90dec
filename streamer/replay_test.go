package streamer

import (
	"fmt"
	"testing"
	"time"
)

// request asks for a replay and waits for its outcome.
func (b *bed) request(want string, ids ...int64) {
	b.Helper()
	b.exec("CALL metadb.replay_dead_letters('s', $1)", ids)
	b.waitFor(want, "SELECT concat_ws('|', state, detail) FROM metadb.requests ORDER BY id DESC LIMIT 1")
}

// TestReplay brings back what was set aside because a user's table was in the way;
// the event whose document is none stays.
func TestReplay(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.exec("CREATE SCHEMA lib; CREATE TABLE lib.mine (x int)")
	const ts = 1_700_000_000_000
	b.produce(event("mine", "c", 1, `{"v": 1}`, ts), event("mine", "c", 2, `{"v": 1}`, ts), item(1, "{"), item(2, "{}"))
	b.source(`^m\.`)
	b.start()
	b.drained()
	b.waitFor("3", "SELECT count(*)::text FROM metadb.dead_letters")
	var blocked []int64
	if err := b.pool.QueryRow(t.Context(), "SELECT array_agg(id ORDER BY id) FROM metadb.dead_letter WHERE table_name = 'mine'").Scan(&blocked); err != nil {
		t.Fatal(err)
	}
	b.request(`failed|0 of 1 dead letters applied; 1 kept, the last of them because: change table lib.mine: relation lib.mine exists and is not ours: not a table of Metadb's`, blocked[0])
	b.exec("DROP TABLE lib.mine")
	b.produce(event("mine", "u", 1, `{"v": 2}`, ts+1000))
	b.drained()
	b.request("done|1 of 1 dead letters applied", blocked[0])
	const versions = "SELECT string_agg(concat_ws(' ', id, doc->>'v', __current), ', ' ORDER BY id, __start) FROM lib.mine__"
	if got := b.text(versions); got != "1 1 f, 1 2 t" {
		t.Errorf("versions %s: the old event must not take the place of the newer", got)
	}
	b.exec("CALL metadb.replay_dead_letters('s')")
	b.waitFor("failed", "SELECT state FROM metadb.requests ORDER BY id DESC LIMIT 1")
	if got := b.text("SELECT detail FROM metadb.requests ORDER BY id DESC LIMIT 1"); got[:len("1 of 2 dead letters applied; 1 kept")] != "1 of 2 dead letters applied; 1 kept" {
		t.Errorf("detail %s", got)
	}
	if got := b.text(versions); got != "1 1 f, 1 2 t, 2 1 t" {
		t.Errorf("versions %s", got)
	}
	b.produce(item(9, "{}"))
	b.drained()
	if got := b.text("SELECT count(*)::text FROM lib.item"); got != "2" {
		t.Errorf("%s rows: the stream must go on", got)
	}
}

// TestBulkReplayUsesTheOptionsOfNow replays under another on_bad_value and another
// filter.
func TestBulkReplayUsesTheOptionsOfNow(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.play("shop")
	b.source(`^metadb_shop_1\.`)
	b.start()
	b.drained()
	const dates = "SELECT count(*)::text FROM metadb.dead_letters WHERE table_name = 'all_types'"
	if got := b.text(dates); got != "2" {
		t.Fatalf("%s dead letters of all_types, want 2", got)
	}
	b.set("on_bad_value", "null")
	b.exec("CALL metadb.replay_dead_letters('s')")
	b.waitFor("0", dates)
	if got, want := b.text("SELECT string_agg(id::text, ' ' ORDER BY id) FROM shop.all_types"), truthIDs(t, "shop/truth/shop.all_types.csv"); got != want {
		t.Errorf("rows %s, want %s", got, want)
	}
	b.exec(`INSERT INTO metadb.dead_letter (source, topic, partition, "offset", schema_name, table_name, record_value, reason)
		VALUES ('s', 't', 0, 0, '', '', '', 'a tombstone')`)
	b.request("done|0 of 1 dead letters applied; 1 dropped, as there is nothing in them to apply",
		b.number("SELECT max(id) FROM metadb.dead_letter"))
}

func (b *bed) number(sql string) int64 {
	b.Helper()
	var n int64
	if err := b.pool.QueryRow(b.Context(), sql).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// TestReplayIsTakenUpAgain finds a request that an earlier run has left under way,
// while the brokers are out of reach.
func TestReplayIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.source(`^m\.`)
	b.set("brokers", "127.0.0.1:1")
	const letters = 3*replayTurn + 1
	for i := range letters {
		rec := item(i, "{}")
		b.exec(`INSERT INTO metadb.dead_letter (source, topic, partition, "offset", record_time, schema_name, table_name, record_key, record_value, reason)
			VALUES ('s', $1, 0, $2, $3, 'lib', 'item', $4, $5, 'test')`, rec.Topic, i, time.Unix(0, 0), rec.Key, rec.Value)
	}
	b.exec("CALL metadb.replay_dead_letters('s')")
	b.exec("UPDATE metadb.request SET state = 'running'")
	b.start()
	b.waitFor(fmt.Sprintf("done|%d of %d dead letters applied", letters, letters), "SELECT concat_ws('|', state, detail) FROM metadb.requests")
	if got := b.text("SELECT count(*)::text FROM lib.item"); got != fmt.Sprint(letters) {
		t.Errorf("%s rows", got)
	}
}

// TestReplayEndsTheLimit replays what had stopped the source.
func TestReplayEndsTheLimit(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.exec("CREATE SCHEMA lib; CREATE TABLE lib.item (x int)")
	b.produce(item(1, "{}"), item(2, "{}"), item(3, "{}"))
	b.source(`^m\.`)
	b.set("dead_letter_limit", "2")
	b.start()
	b.waitFor("error", "SELECT source_stream FROM metadb.status WHERE dead_letters = 2")
	b.exec("DROP TABLE lib.item")
	b.exec("CALL metadb.replay_dead_letters('s')")
	b.drained()
	b.waitFor("3", "SELECT count(*)::text FROM lib.item")
}
