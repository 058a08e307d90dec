package scenario

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/jackc/tern/v2/migrate"

	"metadb/testsql/kafka"
)

// TestKilledWhileDropping kills the server at every point of dropping a source's
// tables; in the end they are gone, and a source created again fills them anew.
func TestKilledWhileDropping(t *testing.T) {
	t.Parallel()
	s := newStage(t, kafka.Options{Play: []string{shop.Capture}})
	s.played()
	s.Start()
	s.createSource(shopTopics)
	s.drained()
	s.Kill()
	conn := s.Conn()
	if _, err := conn.Exec(t.Context(), "CALL metadb.drop_data_source('shop', false, true)"); err != nil {
		t.Fatal(err)
	}
	for _, p := range []killPoint{{"drop.taken", 1, false}, {"drop.forgotten", 1, false}, {"drop.table", 7, false}, {"drop.table", 12, false}, {"drop.done", 1, false}} {
		s.dies(p.name, p.n)
	}
	s.Start()
	s.until(conn, "done", "SELECT state FROM metadb.request WHERE kind = 'drop_tables'")
	s.until(conn, "0", "SELECT count(*)::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname !~ '^(pg_|metadb$|information_schema$)'")
	s.until(conn, "0", "SELECT ((SELECT count(*) FROM metadb.data_table) + (SELECT count(*) FROM metadb.base_table) + (SELECT count(*) FROM metadb.table_owner))::text")
	s.createSource(shopTopics)
	s.drained()
	s.equal(shop)
}

// TestMigrationsGoDownAndUp runs a migration tool through the server's port: its
// migrations make a source, take it back while events come, and make it again.
func TestMigrationsGoDownAndUp(t *testing.T) {
	t.Parallel()
	s := newStage(t, kafka.Options{Play: []string{shop.Capture}, Rate: 3000})
	s.Start()
	m, err := migrate.NewMigrator(t.Context(), s.Dial(), "public.schema_version")
	if err != nil {
		t.Fatal(err)
	}
	m.AppendMigration("origins", "CREATE DATA ORIGIN west;\nCREATE DATA ORIGIN IF NOT EXISTS east;", "DROP DATA ORIGIN east;\nDROP DATA ORIGIN west;")
	m.AppendMigration("source", fmt.Sprintf(`-- the shop's
		CREATE DATA SOURCE shop TYPE kafka OPTIONS (brokers '%s', security 'plaintext', topics '%s', consumer_group 'scenario');
		ALTER SYSTEM SET checkpoint_segment_size = '500';`, s.broker.Addr(), shopTopics),
		"ALTER SYSTEM SET checkpoint_segment_size = '';\nDROP DATA SOURCE shop KEEP TABLES;")
	to := func(version int32) {
		t.Helper()
		if err := m.MigrateTo(t.Context(), version); err != nil {
			t.Fatal(err)
		}
	}
	conn := s.Conn()
	to(2)
	s.until(conn, "t", "SELECT left((count(*) > 0)::text, 1) FROM metadb.table_owner")
	to(0)
	s.until(conn, "0 3000", `SELECT (SELECT count(*) FROM metadb.source) + (SELECT count(*) FROM metadb.origin) || ' ' ||
		(SELECT value FROM metadb.config WHERE parameter = 'checkpoint_segment_size')`)
	to(2)
	s.played()
	s.topics = regexp.MustCompile(shopTopics)
	s.drained()
	s.equal(shop)
}
