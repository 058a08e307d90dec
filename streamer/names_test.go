package streamer

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// collide are names of tables each of which, or of whose parts, is that of another or
// becomes it when it is cut.
var collide = []string{
	"t", "t__", "t____", "zzz___t___", "zzz___t___2023", "zzz___t___sync",
	strings.Repeat("n", 61) + "aa", strings.Repeat("n", 61) + "ab",
	strings.Repeat("m", 100) + "a", strings.Repeat("m", 100) + "b",
}

// collisions are two events for each such table, in 2023 and 2024: the second closes
// the first, and needs another partition.
func collisions(tables []string) []*kgo.Record {
	var records []*kgo.Record
	for round := range int64(2) {
		for _, table := range tables {
			i := slices.Index(collide, table)
			rec := event(table, "c", i, fmt.Sprintf(`{"round": %d}`, round), 1_700_000_000_000+round*20_000_000_000)
			rec.Topic = "m.lib"
			records = append(records, rec)
		}
	}
	return records
}

// TestNamesThatCollide streams such tables in both orders, with a restart between:
// each has a table of its own, and keeps it.
func TestNamesThatCollide(t *testing.T) {
	t.Parallel()
	for _, backwards := range []bool{false, true} {
		t.Run(fmt.Sprintf("backwards=%v", backwards), func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			tables := slices.Clone(collide)
			if backwards {
				slices.Reverse(tables)
			}
			records := collisions(tables)
			b.produce(records[:len(tables)]...)
			b.source(`^m\.`)
			stop := b.start()
			b.drained()
			const mapping = "SELECT string_agg(concat_ws('>', source_table, table_name), ' ' ORDER BY source_table) FROM metadb.table_sources"
			before := b.text(mapping)
			stop()
			slices.Reverse(tables)
			b.produce(collisions(tables)[len(tables):]...)
			b.start()
			b.drained()
			if after := b.text(mapping); after != before {
				t.Errorf("names changed:\n%s\n%s", before, after)
			}
			b.demandOwnTables()
			if got := b.text("SELECT count(*)::text FROM metadb.dead_letter"); got != "0" {
				t.Errorf("%s dead letters: %s", got, b.text("SELECT string_agg(reason, E'\n') FROM metadb.dead_letter"))
			}
		})
	}
}

// demandOwnTables demands that each table of collide has one of its own, with exactly
// its two versions.
func (b *bed) demandOwnTables() {
	b.Helper()
	for i, name := range collide {
		var table, main string
		err := b.pool.QueryRow(b.Context(), `SELECT format('%I.%I', schema_name, table_name), format('%I.%I', schema_name, main_name)
			FROM metadb.table_source WHERE source_table = $1`, name).Scan(&table, &main)
		if err != nil {
			b.Errorf("%s: %v", name, err)
			continue
		}
		want := fmt.Sprintf("%d 0 f, %[1]d 1 t", i)
		if got := b.text("SELECT string_agg(concat_ws(' ', id, doc->>'round', __current), ', ' ORDER BY __start) FROM " + main); got != want {
			b.Errorf("%s has in %s: %s, want %s", name, main, got, want)
		}
		if got := b.text("SELECT string_agg(id::text, ' ') FROM " + table); got != fmt.Sprint(i) {
			b.Errorf("%s has in %s: %s", name, table, got)
		}
	}
}

// TestSchemasThatBecomeOne: tables of one name from schemas that the rules map to one
// do not share a table, whichever comes first, but for different origins.
func TestSchemasThatBecomeOne(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	const ts = 1_700_000_000_000
	in := func(schema string, id int) *kgo.Record {
		rec := event("t", "c", id, "{}", ts+int64(id))
		rec.Topic = "m." + schema
		rec.Value = []byte(strings.Replace(string(rec.Value), `"schema":"lib"`, `"schema":"`+schema+`"`, 1))
		return rec
	}
	b.exec("CALL metadb.create_data_origin('east'); CALL metadb.create_data_origin('west')")
	b.produce(in("a_lib", 1), in("lib", 1), in("mod_lib_storage", 1), in("east_lib", 1), in("west_lib", 1))
	b.source(`^m\.`, "trim_schema_prefix", "a_")
	b.start()
	b.drained()
	tables := b.text("SELECT count(DISTINCT table_name)::text FROM metadb.table_sources WHERE schema_name = 'lib'")
	shared := b.text("SELECT count(*)::text FROM metadb.table_sources WHERE schema_name = 'lib' AND table_name = 't'")
	if tables != "3" || shared != "3" {
		t.Errorf("%s tables, %s share one; want 3 and 3: %s", tables, shared,
			b.text("SELECT string_agg(x::text, E'\n') FROM metadb.table_sources x"))
	}
	if got := b.text("SELECT string_agg(__origin, ',' ORDER BY __origin) FROM lib.t"); got != ",east,west" {
		t.Errorf("origins %s", got)
	}
	if got := b.text("SELECT renamed::text FROM metadb.table_sources WHERE source_schema = 'east_lib'"); got != "false" {
		t.Errorf("renamed: %s", got)
	}
}

// TestNamesOfADroppedSource: a source made again under another name goes on in the
// tables that the dropped one had.
func TestNamesOfADroppedSource(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.produce(collisions([]string{"t", "t__"})...)
	b.source(`^m\.`)
	b.start()
	b.drained()
	const names = "SELECT string_agg(concat_ws(' ', source_table, table_name, source), ', ' ORDER BY source_table) FROM metadb.table_sources"
	before := b.text(names)
	b.exec("CALL metadb.drop_data_source('s')")
	b.exec("CALL metadb.create_data_source('r', 'kafka', $1)", []string{
		"brokers", b.kafka.Addr(), "topics", `^m\.`, "consumer_group", "r", "security", "plaintext"})
	b.waitFor(strings.ReplaceAll(before, " s", " r"), names)
	b.waitFor("8", "SELECT sum(next)::text FROM metadb.source_offset")
	if got := b.text("SELECT count(*)::text FROM lib.t____"); got != "42P01" && !strings.Contains(got, "does not exist") {
		t.Errorf("the first name of the second table: %s", got)
	}
}

// TestUsersTableIsRefusedByName keeps out of a table that a user has made under a name
// which one of ours is to have, and out of one where a part of ours is to be.
func TestUsersTableIsRefusedByName(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.exec(`CREATE SCHEMA lib; CREATE TABLE lib.t__ (x int); CREATE TABLE lib.zzz___u___ (x int); CREATE TABLE lib.zzz___u___2023 (x int);
		CREATE TYPE lib.v AS ENUM ('x')`)
	b.produce(event("t", "c", 1, "{}", 1_700_000_000_000), event("u", "c", 2, "{}", 1_700_000_000_001), event("v", "c", 3, "{}", 1_700_000_000_002))
	b.source(`^m\.`)
	b.start()
	b.drained()
	want := "change table lib.t: relation lib.t__ exists and is not ours: not a table of Metadb's;change table lib.v: type lib.v exists and is not ours: not a table of Metadb's"
	b.waitFor(want, "SELECT string_agg(reason, ';' ORDER BY table_name) FROM metadb.dead_letters")
	b.waitFor("2", "SELECT id::text FROM lib.u")
	if got := b.text("SELECT (SELECT count(*) FROM lib.zzz___u___) || ' ' || (SELECT count(*) FROM lib.t__)"); got != "0 0" {
		t.Errorf("rows in a user's table: %s", got)
	}
}
