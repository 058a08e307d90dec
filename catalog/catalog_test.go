package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"metadb/testsql/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// initialized is a database whose system user is an ordinary role of its own.
type initialized struct {
	*testing.T
	db     *pgtest.DB
	system *pgx.ConnConfig
	pool   *pgxpool.Pool
}

func newInitialized(t *testing.T) *initialized {
	t.Helper()
	i := &initialized{T: t, db: pgtest.Database(t)}
	role := "sys_" + i.db.Name
	super := i.db.Conn(t)
	for _, sql := range []string{
		"CREATE ROLE " + pgx.Identifier{role}.Sanitize() + " LOGIN PASSWORD 'pw'",
		"ALTER DATABASE " + pgx.Identifier{i.db.Name}.Sanitize() + " OWNER TO " + pgx.Identifier{role}.Sanitize(),
	} {
		if _, err := super.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	config, err := pgxpool.ParseConfig(i.db.URL)
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.User, config.ConnConfig.Password = role, "pw"
	i.system = config.ConnConfig
	i.initialize(func(ctx context.Context) (*pgx.Conn, error) { return pgx.Connect(ctx, i.db.URL) })
	if i.pool, err = pgxpool.NewWithConfig(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.pool.Close)
	return i
}

func (i *initialized) initialize(superuser func(context.Context) (*pgx.Conn, error)) {
	i.Helper()
	conn, err := pgx.ConnectConfig(i.Context(), i.system)
	if err != nil {
		i.Fatal(err)
	}
	defer conn.Close(i.Context())
	if err := Initialize(i.Context(), conn, superuser); err != nil {
		i.Fatalf("initialize: %v", err)
	}
}

func (i *initialized) text(sql string, args ...any) string {
	i.Helper()
	var s string
	if err := i.pool.QueryRow(i.Context(), sql, args...).Scan(&s); err != nil {
		i.Fatalf("%s: %v", sql, err)
	}
	return s
}

// state runs a statement and returns its SQLSTATE and message; "" for success.
func (i *initialized) state(sql string, args ...any) (code, message string) {
	i.Helper()
	_, err := i.pool.Exec(i.Context(), sql, args...)
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code, pg.Message
	}
	if err != nil {
		i.Fatalf("%s: %v", sql, err)
	}
	return "", ""
}

func TestInitializeAgainNeedsNoSuperuser(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	i.initialize(func(context.Context) (*pgx.Conn, error) { return nil, errors.New("no superuser any more") })
	if got := i.text("SELECT dbversion::text FROM metadb.init"); got != "34" {
		t.Errorf("dbversion %s", got)
	}
}

func TestTakesOverTheCatalogOf14(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	// What a 1.4 server leaves: its own tables, nothing of ours.
	if _, err := i.db.Conn(t).Exec(t.Context(), `DROP SCHEMA metadb CASCADE; CREATE SCHEMA metadb AUTHORIZATION `+
		pgx.Identifier{i.system.User}.Sanitize()); err != nil {
		t.Fatal(err)
	}
	baseline, err := migrations.ReadFile("migrations/001_metadb_1_4.sql")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.pool.Exec(t.Context(), string(baseline)+`;
		INSERT INTO metadb.source (name, enable, brokers, sync) VALUES ('old', true, 'k:9092', 0);
		UPDATE metadb.config SET value = '1000' WHERE parameter = 'checkpoint_segment_size'`); err != nil {
		t.Fatal(err)
	}
	i.initialize(func(context.Context) (*pgx.Conn, error) { return nil, errors.New("no superuser needed") })
	if got := i.text("SELECT name || source_sync FROM metadb.status"); got != "oldnormal" {
		t.Errorf("status %s", got)
	}
	if got := i.text("SELECT value FROM metadb.config WHERE parameter = 'checkpoint_segment_size'"); got != "1000" {
		t.Errorf("configuration %s", got)
	}
}

func TestRefusesAnotherVersion(t *testing.T) {
	t.Parallel()
	for version, want := range map[int]string{33: "33 != 34 (upgrade", 35: "35 != 34"} {
		i := newInitialized(t)
		if _, err := i.pool.Exec(t.Context(), "UPDATE metadb.init SET dbversion = $1", version); err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.ConnectConfig(t.Context(), i.system)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if err := Initialize(t.Context(), conn, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("version %d: %v", version, err)
		}
	}
}

func TestRoutines(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	steps := []struct {
		sql, code, message string
	}{
		{"CALL metadb.create_data_source('s', 'kafka', ARRAY['brokers','b:1','topics','^t'])", "", ""},
		{"CALL metadb.create_data_source('s', 'kafka', ARRAY[]::text[])", "42710", `data source "s" already exists`},
		{"CALL metadb.create_data_source('s', 'kafka', ARRAY[]::text[], true)", "", ""},
		{"CALL metadb.create_data_source('second', 'kafka', ARRAY['module','folio'])", "", ""},
		{"CALL metadb.create_data_source('x', 'mqtt', ARRAY[]::text[])", "22023", `invalid data source type "mqtt"`},
		{"CALL metadb.create_data_source('x', 'kafka', ARRAY['broker','b'])", "22023", `invalid option "broker"`},
		{"CALL metadb.alter_data_source('nope', ARRAY['set','topics','x'])", "42704", `data source "nope" does not exist`},
		{"CALL metadb.alter_data_source('s', ARRAY['set','topics','^u', 'add','module','folio'])", "", ""},
		{"CALL metadb.alter_data_source('s', ARRAY['set','topics','^u'])", "", ""},
		{"CALL metadb.alter_data_source('s', ARRAY['add','topics','^v'])", "42710", `option "topics" provided more than once`},
		{"CALL metadb.alter_data_source('s', ARRAY['drop','module',''])", "", ""},
		{"CALL metadb.alter_data_source('s', ARRAY['drop','module',''])", "42704", `option "module" not found`},
		{"CALL metadb.alter_data_source('s', ARRAY['set','sync','0'])", "22023", `invalid option "sync"`},
		{"CALL metadb.alter_data_source('s', ARRAY['set','on_bad_value','null', 'set','on_bad_event','stop', 'set','dead_letter_limit','5'])", "", ""},
		{"CALL metadb.alter_data_source('s', ARRAY['set','on_bad_value','nil'])", "22023", `invalid value for option "on_bad_value": "nil"`},
		{"CALL metadb.alter_data_source('s', ARRAY['set','on_bad_event','Stop'])", "22023", `invalid value for option "on_bad_event": "Stop"`},
		{"CALL metadb.alter_data_source('s', ARRAY['set','dead_letter_limit','-1'])", "22023", `invalid value for option "dead_letter_limit": "-1"`},
		{"CALL metadb.create_data_source('x', 'kafka', ARRAY['dead_letter_limit','0'])", "22023", `invalid value for option "dead_letter_limit": "0"`},
		{"CALL metadb.enable_data_source('s', false)", "", ""},
		{"CALL metadb.enable_data_source('s', false)", "", ""},
		{"CALL metadb.enable_data_source('nope', true)", "42704", `data source "nope" does not exist`},
		{"CALL metadb.replay_dead_letters('s')", "", ""},
		{"CALL metadb.replay_dead_letters('s', ARRAY[7])", "42704", `dead letter 7 of data source "s" does not exist`},
		{"CALL metadb.replay_dead_letters('nope')", "42704", `data source "nope" does not exist`},
		{"CALL metadb.create_data_origin('west')", "", ""},
		{"CALL metadb.create_data_origin('west')", "42710", `data origin "west" already exists`},
		{"CALL metadb.create_data_origin(repeat('x', 64))", "42622", `data origin name "` + strings.Repeat("x", 64) + `" too long`},
		{"CALL metadb.drop_data_source('second')", "", ""},
		{"CALL metadb.drop_data_source('second')", "42704", `data source "second" does not exist`},
		{"CALL metadb.drop_data_source('second', true)", "", ""},
	}
	for _, s := range steps {
		if code, message := i.state(s.sql); code != s.code || message != s.message {
			t.Errorf("%s:\n got %s %q\nwant %s %q", s.sql, code, message, s.code, s.message)
		}
	}
	got := i.text("SELECT concat_ws('|', name, brokers, security, topics, module, enable, on_bad_value, on_bad_event, dead_letter_limit) FROM metadb.data_sources")
	if got != "s|b:1|ssl|^u||f|null|stop|5" {
		t.Errorf("data source %q", got)
	}
}

func TestOnlyTheAdminRoleMay(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	user := pgx.Identifier{"user_" + i.db.Name}.Sanitize()
	super := i.db.Conn(t)
	if _, err := super.Exec(t.Context(), "CREATE ROLE "+user); err != nil {
		t.Fatal(err)
	}
	try := func() string {
		_, err := super.Exec(t.Context(), "SET ROLE "+user+"; CALL metadb.create_data_source('s', 'kafka', ARRAY[]::text[]); TABLE metadb.status")
		_, reset := super.Exec(t.Context(), "RESET ROLE")
		if reset != nil {
			t.Fatal(reset)
		}
		var pg *pgconn.PgError
		if errors.As(err, &pg) {
			return pg.Code
		}
		return fmt.Sprint(err)
	}
	if got := try(); got != "42501" {
		t.Errorf("without the role: %s, want 42501", got)
	}
	if _, err := super.Exec(t.Context(), "GRANT "+AdminRole+" TO "+user); err != nil {
		t.Fatal(err)
	}
	if got := try(); got != "<nil>" {
		t.Errorf("with the role: %s", got)
	}
}

func TestOneServer(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	first, second := i.db.Conn(t), i.db.Conn(t)
	if err := LockServer(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := LockServer(ctx, second); err == nil {
		t.Fatal("two servers hold the lock")
	}
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := LockServer(t.Context(), i.db.Conn(t)); err != nil {
		t.Fatalf("after the first has gone: %v", err)
	}
}

func TestWatchSeesCommitsOnly(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	c := New(i.pool)
	seen := make(chan []string, 16)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- c.Watch(ctx, func(ctx context.Context) error {
			sources, err := c.Sources(ctx)
			names := []string{}
			for _, s := range sources {
				names = append(names, s.Name)
			}
			seen <- names
			return err
		})
	}()
	expect := func(want ...string) {
		t.Helper()
		for {
			select {
			case got := <-seen:
				if slices.Equal(got, want) {
					return
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("not seen: %v", want)
			}
		}
	}
	expect()
	i.state("CALL metadb.create_data_source('a', 'kafka', ARRAY[]::text[])")
	expect("a")
	tx, err := i.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "CALL metadb.create_data_source('rolled_back', 'kafka', ARRAY[]::text[])"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	i.state("CALL metadb.create_data_source('b', 'kafka', ARRAY[]::text[])")
	expect("a", "b")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("watch ended with %v", err)
	}
}

func TestStreamsOfASource(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	c := New(i.pool)
	s := Source{Name: "s", Brokers: "b", Topics: "^a", ConsumerGroup: "g"}
	open := func(s Source) Stream {
		t.Helper()
		st, err := c.OpenStream(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	offsets := func(st Stream) []Offset {
		t.Helper()
		o, err := c.Offsets(t.Context(), "s", st.Number)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	first := open(s)
	lsn := int64(42)
	stored := []Offset{{Topic: "a", TopicID: [16]byte{1}, Partition: 3, Next: 17, LSN: &lsn, Run: []int64{1, -2}}}
	if err := c.PlaceOffsets(t.Context(), "s", first, stored, nil); err != nil {
		t.Fatal(err)
	}
	again := open(s)
	if again.Number != first.Number || again.Epoch <= first.Epoch {
		t.Errorf("opened again: %+v after %+v", again, first)
	}
	if diff := cmp.Diff(stored, offsets(again)); diff != "" {
		t.Errorf("offsets (-want +got):\n%s", diff)
	}
	if err := c.PlaceOffsets(t.Context(), "s", first, stored, nil); err == nil {
		t.Error("an earlier run could place offsets")
	}
	s.Topics = "^a,^b"
	wider := open(s)
	if wider.Number != first.Number+1 {
		t.Errorf("stream %d after a change of topics", wider.Number)
	}
	if diff := cmp.Diff(stored, offsets(wider)); diff != "" {
		t.Errorf("carried over (-want +got):\n%s", diff)
	}
	s.ConsumerGroup = "g2"
	stored[0].Next = -1
	if diff := cmp.Diff(stored, offsets(open(s))); diff != "" {
		t.Errorf("another group has only the marks (-want +got):\n%s", diff)
	}
}

// A statement whose transaction is left open must not make the server look dead.
func TestHeartbeatWaitsForNobody(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	tx, err := i.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), "CALL metadb.create_data_source('s', 'kafka', ARRAY[]::text[])"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := New(i.pool).Heartbeat(ctx); err != nil {
		t.Fatalf("heartbeat beside an open transaction: %v", err)
	}
}
