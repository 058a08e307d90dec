package streamer

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/catalog"
)

// in moves a record to another schema of the source.
func in(schema string, r *kgo.Record) *kgo.Record {
	r.Topic = strings.Replace(r.Topic, ".lib.", "."+schema+".", 1)
	r.Value = bytes.Replace(r.Value, []byte(`"schema":"lib"`), []byte(`"schema":"`+schema+`"`), 1)
	return r
}

// refused runs a statement that must fail, and gives its SQLSTATE, message and detail.
func (b *bed) refused(sql string) string {
	b.Helper()
	_, err := b.pool.Exec(b.Context(), sql)
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		b.Fatalf("%s: %v", sql, err)
	}
	return strings.TrimSuffix(pg.Code+" "+pg.Message+": "+pg.Detail, ": ")
}

const (
	dropTables = "CALL metadb.drop_data_source('s', false, true)"
	lastDrop   = "SELECT state || ': ' || detail FROM metadb.request WHERE kind = 'drop_tables' ORDER BY id DESC LIMIT 1"
	relations  = `SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '')::text FROM pg_class
		WHERE relnamespace = to_regnamespace('lib') AND relkind IN ('r', 'p')`
)

// TestDropTables drops a source with its tables; created again, it has them
// again, from the beginning of the topics.
func TestDropTables(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.produce(item(0, "{}"), item(1, "{}"), event("other", "c", 7, "{}", 1_700_000_005_000), broken())
	b.source(`^m\.`)
	b.start()
	b.drained()
	b.exec("CREATE VIEW public.report AS SELECT id FROM lib.item")
	b.exec("CREATE VIEW public.old AS SELECT id FROM lib.other__ WHERE NOT __current")
	want := `2BP01 cannot drop the tables of data source "s" because other objects depend on them: ` +
		"view public.report depends on table lib.item\nview public.old depends on table lib.other"
	if got := b.refused(dropTables); got != want {
		t.Errorf("refusal:\n got %s\nwant %s", got, want)
	}
	if got := b.text("SELECT count(*)::text FROM metadb.source"); got != "1" {
		t.Fatalf("%s sources after the refusal", got)
	}
	b.exec("DROP VIEW public.report, public.old")
	b.exec(dropTables)
	b.waitFor("done: 2 of 2 tables dropped", lastDrop)
	if got := b.text(relations); got != "" {
		t.Errorf("left: %s", got)
	}
	for _, table := range []string{
		"base_table", "data_table", "table_owner", "table_source", "apply_ledger", "table_activity", "source_offset", "source_stream", "dead_letter", "source_status",
	} {
		b.waitFor("0", "SELECT count(*)::text FROM metadb."+table)
	}
	b.source(`^m\.`)
	b.drained()
	b.waitFor("2 1", "SELECT (SELECT count(*) FROM lib.item) || ' ' || (SELECT count(*) FROM lib.other)")
	b.waitFor("1", "SELECT count(*)::text FROM metadb.dead_letter")
}

// TestDropTablesWaitsForReaders drops every table but the one that somebody
// reads, and that as soon as he has ended. A source of the same name waits.
func TestDropTablesWaitsForReaders(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.produce(item(0, "{}"), event("other", "c", 7, "{}", 1_700_000_005_000))
	b.source(`^m\.`)
	stop := b.start()
	b.drained()
	reader, err := b.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Exec(t.Context(), "SELECT FROM lib.item__"); err != nil {
		t.Fatal(err)
	}
	b.exec("BEGIN; " + dropTables + "; CALL metadb.create_data_source('s', 'kafka', ARRAY['brokers', '" + b.kafka.Addr() +
		"', 'topics', '^m\\.', 'consumer_group', 'g', 'security', 'plaintext']); COMMIT")
	b.waitFor("running: 1 of 2 tables dropped; waiting for locks on table lib.item", lastDrop)
	b.waitFor("item item__ zzz___item___ zzz___item___2023 zzz___item___sync", relations)
	b.waitFor("waiting", "SELECT source_stream FROM metadb.status")
	stop() // a server that ends meanwhile goes on at its next start
	b.start()
	b.waitFor("running: 0 of 1 tables dropped; waiting for locks on table lib.item", lastDrop)
	if err := reader.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.waitFor("done: 1 of 1 tables dropped", lastDrop)
	b.drained()
	b.waitFor("1 1", "SELECT (SELECT count(*) FROM lib.item__) || ' ' || (SELECT count(*) FROM lib.other__)")
}

// TestDropTablesKeepsWhatIsNeeded keeps a table on which somebody has come to
// depend after the statement.
func TestDropTablesKeepsWhatIsNeeded(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.produce(item(0, "{}"), event("other", "c", 7, "{}", 1_700_000_005_000))
	b.source(`^m\.`)
	stop := b.start()
	b.drained()
	stop()
	b.exec(dropTables)
	b.exec("CREATE VIEW public.report AS SELECT id FROM lib.item")
	b.start()
	b.waitFor("failed: 1 of 2 tables dropped; kept: table lib.item: view report depends on table lib.item", lastDrop)
	b.waitFor("item", "SELECT string_agg(table_name, ' ') FROM metadb.table_source")
	b.source(`^m\.`)
	b.drained()
	b.waitFor("1 1 1", "SELECT (SELECT count(*) FROM public.report) || ' ' || (SELECT count(*) FROM lib.item__) || ' ' || (SELECT count(*) FROM lib.other__)")
}

// TestKeptTablesAreAdopted drops a source without its tables and creates it again
// under its name, then under another one, while events come.
func TestKeptTablesAreAdopted(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.exec("CALL metadb.create_data_origin('west')")
	b.produce(item(0, "{}"), in("west_lib", item(0, "{}")))
	b.source(`^m\.`)
	b.start()
	b.drained()
	const (
		owners = "SELECT string_agg(ltrim(concat_ws(' ', origin, source)), ', ' ORDER BY origin) FROM metadb.table_owner"
		rows   = "SELECT string_agg(ltrim(concat_ws(' ', __origin, id)), ', ' ORDER BY __origin, id) FROM lib.item__"
	)
	b.waitFor("s, west s", owners)
	b.waitFor("0, west 0", rows)

	b.exec("CALL metadb.drop_data_source('s')")
	b.produce(item(1, "{}"), in("west_lib", item(1, "{}")))
	b.source(`^m\.`)
	b.drained()
	b.waitFor("0, 1, west 0, west 1", rows)

	b.exec("BEGIN; CALL metadb.drop_data_source('s'); CALL metadb.create_data_source('t', 'kafka', ARRAY['brokers', '" + b.kafka.Addr() +
		"', 'topics', '^m\\.', 'consumer_group', 'g', 'security', 'plaintext']); COMMIT")
	// Until the server has noticed, s may take what comes.
	b.waitFor("t active 2", "SELECT concat_ws(' ', name, source_stream, partitions) FROM metadb.status")
	b.produce(item(2, "{}"), in("west_lib", item(2, "{}")))
	b.waitFor("t, west t", owners)
	b.waitFor("0, 1, 2, west 0, west 1, west 2", rows)
	b.waitFor("t", "SELECT source_name::text FROM metadb.base_table")
}

// TestWorkerOfADroppedSourceIsSilent runs a worker whose source is gone, until it is
// told so: that is nobody's error.
func TestWorkerOfADroppedSourceIsSilent(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	log := b.logged()
	opt := b.opt
	opt.Catalog, opt.Warehouse, opt.Reached = b.cat, b.config, func(string) {}
	w := newWorker(opt, catalog.Source{Name: "gone", Brokers: b.kafka.Addr(), Topics: "m", ConsumerGroup: "g"}, nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run(ctx)
	}()
	b.runsAgain(3)
	cancel()
	<-done
	if n := log.count("level=ERROR") + log.count("level=WARN"); n != 0 {
		t.Errorf("%d lines of the log:\n%s", n, log.text.String())
	}
}

// TestSharedTableIsNotDropped refuses to drop a table that another source feeds
// with another origin; when that one is gone without its tables, too.
func TestSharedTableIsNotDropped(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.exec("CALL metadb.create_data_origin('west')")
	b.produce(item(0, "{}"), in("west_lib", item(0, "{}")))
	b.source(`^m\.lib\.`)
	b.start()
	b.drained()
	b.exec("CALL metadb.create_data_source('t', 'kafka', $1)",
		[]string{"brokers", b.kafka.Addr(), "topics", `^m\.west_lib\.`, "consumer_group", "h", "security", "plaintext"})
	b.waitFor("2", "SELECT count(*)::text FROM lib.item")
	const want = `55006 cannot drop table lib.item, which has rows of data source "t" too`
	if got := b.refused(dropTables); got != want {
		t.Errorf("while the other is there: %s", got)
	}
	b.exec("CALL metadb.drop_data_source('t')")
	if got := b.refused(dropTables); got != want {
		t.Errorf("when the other has left its rows: %s", got)
	}
	b.exec("DELETE FROM lib.item__ WHERE __origin = 'west'")
	b.exec(dropTables)
	b.waitFor("done: 1 of 1 tables dropped", lastDrop)
}
