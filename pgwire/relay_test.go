package pgwire_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"metadb/parser"
	"metadb/pgwire"
	"metadb/testsql/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// stubs is a catalog that only remembers what it was told.
const stubs = `
CREATE SCHEMA metadb;
CREATE TABLE metadb.made (name text PRIMARY KEY, options text[], plain boolean);
CREATE VIEW metadb.status AS SELECT name, 1::bigint AS events FROM metadb.made ORDER BY name;
CREATE VIEW metadb.config AS SELECT 'b'::text AS parameter, 1 AS value UNION ALL SELECT 'a', 2;
CREATE PROCEDURE metadb.create_data_source(name text, type text, options text[], if_not_exists boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO metadb.made VALUES (name, options, if_not_exists) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'data source "%" already exists', name USING ERRCODE = '42710', HINT = 'Use another name.';
    END IF;
    NOTIFY metadb_catalog;
END $$;
CREATE PROCEDURE metadb.alter_data_source(name text, actions text[]) LANGUAGE sql AS
$$ UPDATE metadb.made m SET options = actions WHERE m.name = alter_data_source.name $$;
CREATE PROCEDURE metadb.drop_data_source(name text, if_exists boolean) LANGUAGE sql AS
$$ DELETE FROM metadb.made m WHERE m.name = drop_data_source.name $$;
CREATE PROCEDURE metadb.create_data_origin(name text, if_not_exists boolean) LANGUAGE sql AS
$$ INSERT INTO metadb.made VALUES (name, '{}', if_not_exists) $$;
`

// rewrite joins the two rooms as the command does.
func rewrite(text string, s pgwire.Settings) *pgwire.Rewriting {
	r := parser.Rewrite(text, parser.Settings(s))
	if r == nil {
		return nil
	}
	if r.Doubt != "" {
		return &pgwire.Rewriting{Text: r.Text, Doubt: r.Doubt}
	}
	out := &pgwire.Rewriting{Text: r.Text, Position: r.Position}
	for _, s := range r.Statements {
		out.Statements = append(out.Statements, pgwire.Statement(s))
	}
	for _, b := range r.Blocks {
		out.Blocks = append(out.Blocks, pgwire.IndexedBlock{Index: b.Index, Block: block(b.Block)})
	}
	if e := r.Err; e != nil {
		out.Malformed = &pgwire.Malformed{Statement: pgwire.Statement(r.Failed), Code: e.Code, Message: e.Message, Hint: e.Hint, Position: e.Position, First: r.First}
	}
	return out
}

func block(b parser.Block) pgwire.Block {
	return pgwire.Block{Kind: pgwire.BlockKind(b.Kind), Name: b.Name}
}

// front is a relay in front of a database of its own.
type front struct {
	db   *pgtest.DB
	addr string
	stop context.CancelFunc
	done chan struct{} // closed when Serve has returned
}

// newFront starts a relay on a database with the stubs.
func newFront(t *testing.T) *front {
	t.Helper()
	db := pgtest.Database(t)
	if _, err := db.Conn(t).Exec(t.Context(), stubs, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	return frontOf(t, db)
}

func frontOf(t *testing.T, db *pgtest.DB) *front {
	t.Helper()
	addr, stop, done := serve(t, pgwire.Config{Dial: dial(db), Database: db.Name}, nil)
	return &front{db: db, addr: addr, stop: stop, done: done}
}

func dial(db *pgtest.DB) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(db.Host, strconv.Itoa(db.Port)))
	}
}

// serve runs a server until the test ends.
func serve(t *testing.T, c pgwire.Config, wrap func(net.Listener) net.Listener) (addr string, stop context.CancelFunc, done chan struct{}) {
	t.Helper()
	c.Rewrite, c.Calm, c.Logger = rewrite, parser.Calm, slog.New(slog.DiscardHandler)
	c.Block = func(text string) pgwire.Block { return block(parser.BlockOf(text)) }
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = listener.Addr().String()
	if wrap != nil {
		listener = wrap(listener)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done = make(chan struct{})
	go func() {
		defer close(done)
		if err := pgwire.New(c).Serve(ctx, listener); err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return addr, cancel, done
}

// url is the address of the relay, with the database's alias.
func (f *front) url() string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(f.db.User, f.db.Password), Host: f.addr, Path: "/metadb", RawQuery: "sslmode=prefer"}
	return u.String()
}

func (f *front) conn(t *testing.T) *pgx.Conn {
	t.Helper()
	return connect(t, f.url())
}

func connect(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	})
	return conn
}

// count is how many sources there are.
func count(t *testing.T, conn *pgx.Conn) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM metadb.made").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// fails returns the error of PostgreSQL's that there must be.
func fails(t *testing.T, err error) *pgconn.PgError {
	t.Helper()
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		t.Fatalf("no error of PostgreSQL: %v", err)
	}
	return pg
}

const createA = `CREATE DATA SOURCE a TYPE kafka OPTIONS (brokers 'h:9092', topics '^x\.')`

var modes = map[string]pgx.QueryExecMode{
	"cache statement": pgx.QueryExecModeCacheStatement,
	"cache describe":  pgx.QueryExecModeCacheDescribe,
	"describe exec":   pgx.QueryExecModeDescribeExec,
	"exec":            pgx.QueryExecModeExec,
	"simple":          pgx.QueryExecModeSimpleProtocol,
}

func TestStatementsInEveryMode(t *testing.T) {
	t.Parallel()
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := newFront(t).conn(t)
			for _, s := range []struct{ sql, tag string }{
				{createA, "CREATE DATA SOURCE"},
				{"ALTER DATA SOURCE a OPTIONS (SET topics 't')", "ALTER DATA SOURCE"},
				{"LIST STATUS", "SELECT 1"},
				{"DROP DATA SOURCE a;", "DROP DATA SOURCE"},
				{"/* again */ " + createA, "CREATE DATA SOURCE"},
				{"DROP DATA SOURCE a;", "DROP DATA SOURCE"},
				{"CREATE DATA ORIGIN o -- done", "CREATE DATA ORIGIN"},
				{"SELECT 1", "SELECT 1"},
				{"CALL metadb.drop_data_source('o', false)", "CALL"},
			} {
				tag, err := conn.Exec(t.Context(), s.sql, mode)
				if err != nil || tag.String() != s.tag {
					t.Errorf("%s: got %s, %v", s.sql, tag, err)
				}
			}
			if _, err := conn.Exec(t.Context(), createA, mode); err != nil {
				t.Fatal(err)
			}
			var name string
			var events int64
			if err := conn.QueryRow(t.Context(), "LIST STATUS", mode).Scan(&name, &events); err != nil || name != "a" || events != 1 {
				t.Errorf("got %s, %d, %v", name, events, err)
			}
			err := fails(t, second(conn.Exec(t.Context(), createA, mode)))
			if err.Code != "42710" || err.Message != `data source "a" already exists` || err.Hint != "Use another name." || err.Where != "" {
				t.Errorf("got %+v", err)
			}
			err = fails(t, second(conn.Exec(t.Context(), "/* ä */ LIST stauts", mode)))
			if err.Code != "22023" || err.Position != 14 || err.Hint == "" || err.Severity != "ERROR" {
				t.Errorf("got %+v", err)
			}
		})
	}
}

// second is the error of a call that returns something else, too.
func second[T any](_ T, err error) error { return err }

func TestTransactions(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		sql  string
		code string
		want int
	}{
		"autocommit":               {createA, "", 1},
		"rollback":                 {"BEGIN; " + createA + "; ROLLBACK", "", 0},
		"commit":                   {"BEGIN; " + createA + "; COMMIT", "", 1},
		"savepoint":                {"BEGIN; SAVEPOINT s; " + createA + "; ROLLBACK TO s; COMMIT", "", 0},
		"implicit, error behind":   {createA + "; SELECT 1/0", "22012", 0},
		"implicit, twice":          {createA + "; " + createA, "42710", 0},
		"malformed behind":         {"CREATE DATA ORIGIN o; LIST nothing", "22023", 0},
		"malformed before":         {"LIST nothing; CREATE DATA ORIGIN o", "22023", 0},
		"plain mistake before":     {"SELEC 1; LIST nothing", "42601", 0},
		"plain mistake behind":     {"CREATE DATA ORIGIN o; SELEC 1", "42601", 0},
		"in a failed transaction":  {"BEGIN; SELECT 1/0; " + createA, "22012", 0},
		"read only":                {"BEGIN READ ONLY; " + createA, "25006", 0},
		"several":                  {createA + "; CREATE DATA ORIGIN o; LIST STATUS;; SELECT 'LIST STATUS'", "", 2},
		"wrong option in a script": {"SELECT 1; CREATE DATA SOURCE a TYPE kafka OPTIONS (topics '^[')", "2201B", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFront(t)
			conn := f.conn(t)
			_, err := conn.Exec(t.Context(), test.sql, pgx.QueryExecModeSimpleProtocol)
			if test.code == "" && err != nil || test.code != "" && fails(t, err).Code != test.code {
				t.Errorf("got %v, want %s", err, test.code)
			}
			if n := count(t, f.db.Conn(t)); n != test.want {
				t.Errorf("%d sources, want %d", n, test.want)
			}
		})
	}
}

func TestMistakeAbortsTransaction(t *testing.T) {
	t.Parallel()
	conn := newFront(t).conn(t)
	if _, err := conn.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	if err := fails(t, second(conn.Exec(t.Context(), "LIST nothing"))); err.Code != "22023" {
		t.Errorf("got %+v", err)
	}
	if status := conn.PgConn().TxStatus(); status != 'E' {
		t.Errorf("transaction status %c", status)
	}
	if err := fails(t, second(conn.Exec(t.Context(), "LIST STATUS"))); err.Code != "25P02" {
		t.Errorf("got %+v", err)
	}
}

func TestPositions(t *testing.T) {
	t.Parallel()
	conn := newFront(t).conn(t)
	for _, test := range []struct {
		sql, code string
		at        int32
	}{
		{"SELECT 'äö'; SELECT nosuch; LIST STATUS", "42703", 21},
		{"SELECT 'äö'; LIST STATUS; SELECT nosuch", "42703", 34},
		{"LIST STATUS; CREATE DATA ORIGIN \"äö€\"; SELECT 'ä', nosuch", "42703", 52},
		{"SELECT 'äö'; LIST STATUS now", "42601", 26},
		{"SELECT 'äö'; LIST STATUS; SELEC 1", "42601", 27},
		{"SELECT 'äö'; LIST DATA_SOURCES", "42P01", 14},
	} {
		err := fails(t, second(conn.Exec(t.Context(), test.sql, pgx.QueryExecModeSimpleProtocol)))
		if err.Code != test.code || err.Position != test.at {
			t.Errorf("%s: got %s at %d, want %s at %d", test.sql, err.Code, err.Position, test.code, test.at)
		}
	}
}

func TestOtherDatabase(t *testing.T) {
	t.Parallel()
	conn := frontOf(t, pgtest.Database(t)).conn(t)
	for name, mode := range modes {
		for _, sql := range []string{"LIST STATUS", "DROP DATA SOURCE s"} {
			err := fails(t, second(conn.Exec(t.Context(), sql, mode)))
			if err.Hint == "" || err.Position != 1 {
				t.Errorf("%s: %s: got %+v", name, sql, err)
			}
		}
	}
}

func TestRights(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	admin, conn := f.db.Conn(t), f.conn(t)
	role := pgx.Identifier{f.db.Name + "_reader"}.Sanitize()
	if _, err := conn.Exec(t.Context(), "CREATE ROLE "+role+"; SET ROLE "+role, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(context.Background(), "DROP ROLE "+role); err != nil {
			t.Error(err)
		}
	})
	for _, sql := range []string{"LIST STATUS", createA} {
		err := fails(t, second(conn.Exec(t.Context(), sql)))
		if err.Code != "42501" || err.Hint != `The statement is for members of the role "metadb_admin".` {
			t.Errorf("%s: got %+v", sql, err)
		}
	}
	if err := fails(t, second(conn.Exec(t.Context(), "SELECT * FROM metadb.status"))); err.Message != "permission denied for schema metadb" {
		t.Errorf("got %+v", err)
	}
}
