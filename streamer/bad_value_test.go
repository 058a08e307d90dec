package streamer

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/testsql/captures"
)

// set alters options of source s.
func (b *bed) set(options ...string) {
	b.Helper()
	var actions []string
	for i := 0; i < len(options); i += 2 {
		actions = append(actions, "set", options[i], options[i+1])
	}
	b.exec("CALL metadb.alter_data_source('s', $1)", actions)
}

// TestBulkBadValueBecomesNull plays a recording two of whose rows hold a date that is
// none: with the option they are there, without the date.
func TestBulkBadValueBecomesNull(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.play("shop")
	b.source(`^metadb_shop_1\.`)
	b.set("on_bad_value", "null")
	b.start()
	b.drained()
	want := truthIDs(t, "shop/truth/shop.all_types.csv")
	if got := b.text("SELECT string_agg(id::text, ' ' ORDER BY id) FROM shop.all_types"); got != want {
		t.Errorf("rows %s of all_types, want %s", got, want)
	}
	// In the source both are infinite; the connector sends numbers that are no dates.
	const dates = "SELECT string_agg(concat_ws(' ', id, coalesce(c_date::text, 'none'), c_ts6), ', ' ORDER BY id) FROM shop.all_types WHERE id IN (4, 5)"
	if got := b.text(dates); got != "4 none infinity, 5 none -infinity" {
		t.Errorf("rows whose date is bad: %s", got)
	}
	if got := b.text("SELECT count(*)::text FROM metadb.dead_letter WHERE table_name = 'all_types'"); got != "0" {
		t.Errorf("%s dead letters", got)
	}
}

// truthIDs are the ids of a table's rows in the recorded source.
func truthIDs(t *testing.T, file string) string {
	t.Helper()
	f, err := captures.Files().Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var ids []int
	for _, l := range lines[1:] {
		id, err := strconv.Atoi(l[slices.Index(lines[0], "id")])
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return strings.Trim(fmt.Sprint(ids), "[]")
}

// broken is a record that is no event.
func broken() *kgo.Record {
	return &kgo.Record{Topic: "m.lib.item", Key: []byte("{"), Value: []byte(`{"schema":`)}
}

// item is an event of table lib.item; bad ones have a document that PostgreSQL
// refuses.
func item(id int, doc string) *kgo.Record {
	return event("item", "c", id, doc, 1_700_000_000_000+int64(id))
}

// TestStopsAtABadEvent stops at a record that does not decode and at an event that
// the warehouse refuses; what lies before each is applied, and nothing is lost.
func TestStopsAtABadEvent(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]*kgo.Record{"reader": broken(), "warehouse": item(2, "{")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.produce(item(0, "{}"), item(1, "{}"), bad, item(3, "{}"))
			b.source(`^m\.`)
			b.set("on_bad_event", "stop")
			b.start()
			b.waitFor("true", `SELECT (source_stream = 'error' AND reason LIKE
				'%event of topic m.lib.item, partition 0, offset 2 cannot be applied, and option on_bad_event is stop: %')::text FROM metadb.status`)
			b.waitFor("2", "SELECT next::text FROM metadb.source_offset")
			if got := b.text("SELECT string_agg(id::text, ' ' ORDER BY id) || (SELECT count(*) FROM metadb.dead_letter) FROM lib.item"); got != "0 10" {
				t.Errorf("rows and dead letters: %s", got)
			}
			b.set("on_bad_event", "set_aside")
			b.drained()
			if got := b.text("SELECT string_agg(id::text, ' ' ORDER BY id) || (SELECT count(*) FROM metadb.dead_letter) FROM lib.item"); got != "0 1 31" {
				t.Errorf("rows and dead letters after the option was changed: %s", got)
			}
		})
	}
}

// TestDeadLetterLimit stops a source at its limit, whoever finds the bad events,
// and lets it go on when letters are gone or more are allowed.
func TestDeadLetterLimit(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]func(int) *kgo.Record{
		"reader":    func(int) *kgo.Record { return broken() },
		"warehouse": func(id int) *kgo.Record { return item(id, "{") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.produce(item(0, "{}"), bad(1), item(2, "{}"), bad(3), item(4, "{}"), bad(5), item(6, "{}"))
			b.source(`^m\.`)
			b.set("dead_letter_limit", "2")
			b.start()
			limit := `SELECT (source_stream = 'error' AND dead_letters = 2 AND reason LIKE '%2 dead letters%dead_letter_limit%')::text FROM metadb.status`
			b.waitFor("true", limit)
			b.exec("DELETE FROM metadb.dead_letter WHERE id = (SELECT min(id) FROM metadb.dead_letter)")
			b.waitFor("true", limit)
			b.produce(bad(7), item(8, "{}"))
			b.set("dead_letter_limit", "4")
			b.drained()
			if got := b.text("SELECT string_agg(id::text, ' ' ORDER BY id) FROM lib.item"); got != "0 2 4 6 8" {
				t.Errorf("rows %s", got)
			}
		})
	}
}

// TestBadEventOfAFilteredTable makes no dead letter: its table is not wanted.
func TestBadEventOfAFilteredTable(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	unwanted := event("other", "c", 1, "{}", 1_700_000_000_000)
	unwanted.Value = []byte(strings.Replace(string(unwanted.Value), `"after":{"id":1`, `"after":{"id":"x"`, 1))
	b.produce(unwanted, item(1, "{}"))
	b.source(`^m\.`)
	b.set("table_stop_filter", `lib\.other`, "on_bad_event", "stop")
	b.start()
	b.drained()
	if got := b.text("SELECT count(*)::text FROM metadb.dead_letter"); got != "0" {
		t.Errorf("%s dead letters", got)
	}
}

func TestDisableAndEnable(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.produce(item(0, "{}"))
	b.source(`^m\.`)
	b.start()
	b.drained()
	b.exec("CALL metadb.enable_data_source('s', false)")
	const stopped = "SELECT concat_ws('|', source_stream, reason, lag) FROM metadb.status"
	b.waitFor("inactive|disabled", stopped)
	b.waitFor("inactive", "SELECT state FROM metadb.source_status")
	b.produce(item(1, "{}"))
	b.exec("CALL metadb.enable_data_source('s', false)")
	if got := b.text("SELECT next::text FROM metadb.source_offset"); got != "1" {
		t.Errorf("a disabled source has read on to %s", got)
	}
	b.exec("CALL metadb.enable_data_source('s', true)")
	b.drained()
	b.waitFor("active", "SELECT source_stream FROM metadb.status")
	if got := b.text("SELECT count(*)::text FROM lib.item"); got != "2" {
		t.Errorf("%s rows", got)
	}
}
