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

// second is the error of a call that returns something else, too.
func second[T any](_ T, err error) error { return err }
