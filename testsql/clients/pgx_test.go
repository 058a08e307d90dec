package clients

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func modes() []pgx.QueryExecMode {
	return []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
		pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	}
}

// TestPgx is the programme with pgx, in each of its ways to run a statement. All
// must give the same answers.
func TestPgx(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(strings.ReplaceAll(mode.String(), " ", "_"), func(t *testing.T) {
			t.Parallel()
			through, direct := places(t)
			same(t, "plain", pgxRun(t, direct, mode, (*pgxProgram).plain), pgxRun(t, through, mode, (*pgxProgram).plain))
			compare(t, filepath.Join("pgx", "own.out"), pgxRun(t, through, mode, (*pgxProgram).own))
		})
	}
}

// pgxProgram is one run of it.
type pgxProgram struct {
	t    *testing.T
	ctx  context.Context
	conn *pgx.Conn
	out  strings.Builder
}

func pgxRun(t *testing.T, p place, mode pgx.QueryExecMode, run func(*pgxProgram)) string {
	t.Helper()
	config, err := pgx.ParseConfig(p.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = mode
	program := &pgxProgram{t: t, ctx: t.Context()}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { program.say("notice", n.Severity, n.Message) }
	if program.conn, err = pgx.ConnectConfig(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	defer program.conn.Close(t.Context())
	run(program)
	return program.out.String()
}

func (p *pgxProgram) say(step string, values ...any) {
	fmt.Fprintf(&p.out, "%s: %s", step, fmt.Sprintln(values...))
}

// fail reports an error as pgx tells it.
func (p *pgxProgram) fail(step string, err error) {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		p.say(step, err)
		return
	}
	p.say(step, e.Code, "at", e.Position, e.Message, "|", e.Hint, "|", e.ConstraintName)
}

// do runs a statement that must succeed, and returns its tag.
func (p *pgxProgram) do(sql string, args ...any) string {
	p.t.Helper()
	tag, err := p.conn.Exec(p.ctx, sql, args...)
	if err != nil {
		p.t.Errorf("%s: %v", sql, err)
	}
	return tag.String()
}

// rows are the answer of a query, values as Go has them.
func (p *pgxProgram) rows(sql string, args ...any) (list [][]any) {
	p.t.Helper()
	rows, err := p.conn.Query(p.ctx, sql, args...)
	if err != nil {
		p.t.Errorf("%s: %v", sql, err)
		return nil
	}
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			p.t.Errorf("%s: %v", sql, err)
		}
		list = append(list, values)
	}
	if err := rows.Err(); err != nil {
		p.fail(sql, err)
	}
	return list
}

// undone runs statements in a transaction that is rolled back.
func (p *pgxProgram) undone(run func(pgx.Tx) error) error {
	undo := errors.New("roll back")
	err := pgx.BeginFunc(p.ctx, p.conn, func(tx pgx.Tx) error {
		if err := run(tx); err != nil {
			return err
		}
		return undo
	})
	if errors.Is(err, undo) {
		return nil
	}
	return err
}

func (p *pgxProgram) plain() {
	p.say("types", p.rows("SELECT $1::int8, $2::text, $3::bytea, $4::bool, $5::date, $6::text, $7::int[]",
		42, `Grüße 'quoted' \ ✓`, []byte{0, 255}, true, time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC), nil, []int32{1, 2, 3}))
	p.say("tag", p.do("CREATE TABLE item (id integer PRIMARY KEY, name text)"))
	p.fail("rolled back", p.undone(func(tx pgx.Tx) error {
		tag, err := tx.Exec(p.ctx, "INSERT INTO item VALUES ($1, $2)", 1, "one")
		p.say("insert", tag)
		return err
	}))
	p.say("empty", p.rows("SELECT count(*) FROM item"))
	_, err := p.conn.Exec(p.ctx, "SELECT 'é', 1 FROM nosuch WHERE 'a' = $1", "a")
	p.fail("no table", err)
	p.do("INSERT INTO item VALUES (3, 'three')")
	_, err = p.conn.Exec(p.ctx, "INSERT INTO item VALUES ($1, 'x')", 3)
	p.fail("duplicate", err)
	for i := range 8 {
		p.say("repeated", p.rows("SELECT $1::int + 1", i))
	}
	n, err := p.conn.CopyFrom(p.ctx, pgx.Identifier{"item"}, []string{"id", "name"}, pgx.CopyFromSlice(1000, func(i int) ([]any, error) {
		return []any{int32(i + 10), "copied"}, nil
	}))
	p.say("copy in", n, err)
	var sink strings.Builder
	tag, err := p.conn.PgConn().CopyTo(p.ctx, &sink, "COPY (SELECT * FROM item ORDER BY id) TO STDOUT")
	p.say("copy out", tag, err, sink.Len())
	_, err = p.conn.PgConn().CopyFrom(p.ctx, strings.NewReader("not a number\tx\n"), "COPY item FROM STDIN")
	p.fail("broken copy", err)
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO item VALUES ($1, 'b')", 5001)
	batch.Queue("SELECT count(*) FROM item WHERE id > $1", 5000)
	batch.Queue("INSERT INTO item VALUES ($1, 'b')", 5001)
	p.batch(batch)
	p.say("after the batch", p.rows("SELECT count(*) FROM item WHERE id > 5000"))
	p.say("large", len(p.rows("SELECT $1::text", strings.Repeat("x", 3_000_000))[0][0].(string)))
	p.cancel()
	p.do("LISTEN bell")
	p.do("SELECT pg_notify('bell', 'ring')")
	note, err := p.conn.WaitForNotification(p.ctx)
	p.say("notify", note.Channel, note.Payload, err)
	p.do("DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
}

// batch sends a pipeline and says what each of its statements answered.
func (p *pgxProgram) batch(b *pgx.Batch) {
	results := p.conn.SendBatch(p.ctx, b)
	for range b.Len() {
		tag, err := results.Exec()
		if p.say("batch", tag); err != nil {
			p.fail("batch", err)
		}
	}
	_ = results.Close() // says the same error again
}

// cancel asks for the end of a statement from another connection.
func (p *pgxProgram) cancel() {
	answer := make(chan error, 1)
	go func() { answer <- p.cancelWhenBusy() }()
	_, err := p.conn.Exec(p.ctx, "SELECT pg_sleep(60)")
	p.fail("cancel", err)
	p.fail("cancel request", <-answer)
	p.say("after cancel", p.rows("SELECT 1::int4"))
}

// cancelWhenBusy waits until the statement runs.
func (p *pgxProgram) cancelWhenBusy() error {
	watch, err := pgx.ConnectConfig(p.ctx, p.conn.Config())
	if err != nil {
		return err
	}
	defer watch.Close(p.ctx)
	const busy = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)' AND state = 'active' AND datname = current_database())"
	for there := false; !there; {
		if err := watch.QueryRow(p.ctx, busy).Scan(&there); err != nil {
			return err
		}
	}
	return p.conn.PgConn().CancelRequest(p.ctx)
}

func (p *pgxProgram) own() {
	const sources = "SELECT name, topics FROM metadb.data_sources ORDER BY name"
	const create = "CREATE DATA SOURCE shop TYPE kafka OPTIONS (brokers $1, topics $2)"
	p.fail("rolled back", p.undone(func(tx pgx.Tx) error {
		tag, err := tx.Exec(p.ctx, create, "127.0.0.1:1", "^shop")
		p.say("create", tag)
		return err
	}))
	p.say("nothing", p.rows(sources))
	p.say("create", p.do(create, "127.0.0.1:1", `it's \ ✓`), p.rows(sources))
	rows, err := p.conn.Query(p.ctx, "LIST data_sources")
	if err != nil {
		p.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToMap)
	p.say("list", list[0]["name"], list[0]["brokers"], list[0]["topics"], list[0]["enable"], err)
	if rows, err = p.conn.Query(p.ctx, "LIST status"); err != nil {
		p.t.Fatal(err)
	}
	list, err = pgx.CollectRows(rows, pgx.RowToMap)
	p.say("status", fmt.Sprintf("%v %v %T %T", list[0]["type"], list[0]["name"], list[0]["events"], list[0]["unsynchronized"]), err)
	_, err = p.conn.Exec(p.ctx, "/* é */ CREATE DATA SOURCE x TYPE kafka OPTIONS (topisc 'b')")
	p.fail("unknown option", err)
	_, err = p.conn.Exec(p.ctx, create, "b", "t")
	p.fail("exists", err)
	p.fail("aborted", p.undone(func(tx pgx.Tx) error {
		_, err := tx.Exec(p.ctx, create, "b", "t")
		p.fail("in a transaction", err)
		_, err = tx.Exec(p.ctx, "LIST status")
		return err
	}))
	p.fail("savepoint", pgx.BeginFunc(p.ctx, p.conn, func(tx pgx.Tx) error {
		p.fail("inner", pgx.BeginFunc(p.ctx, tx, func(inner pgx.Tx) error {
			if _, err := inner.Exec(p.ctx, "DROP DATA SOURCE shop"); err != nil {
				return err
			}
			_, err := inner.Exec(p.ctx, "SELECT 1/0")
			return err
		}))
		return nil
	}))
	for i := range 8 {
		p.say("repeated", p.do("ALTER DATA SOURCE shop OPTIONS (SET topics $1)", fmt.Sprint("t", i)), len(p.rows("LIST data_sources")))
	}
	p.say("altered", p.rows(sources))
	_, err = p.conn.Prepare(p.ctx, "named", "ALTER DATA SOURCE shop OPTIONS (SET topics $1)")
	p.say("prepare", err, p.do("named", "prepared"), p.rows(sources))
	batch := &pgx.Batch{}
	batch.Queue("SELECT 1")
	batch.Queue("CREATE DATA ORIGIN a")
	batch.Queue("LIST data_origins")
	batch.Queue("ALTER DATA SOURCE shop OPTIONS (SET topics $1)", "batched")
	p.batch(batch)
	broken := &pgx.Batch{}
	broken.Queue("CREATE DATA ORIGIN b")
	broken.Queue("CREATE DATA ORIGIN a")
	broken.Queue("SELECT 1")
	p.batch(broken)
	p.say("after the batches", p.rows(sources), p.rows("LIST data_origins"))
	var sink strings.Builder
	tag, err := p.conn.PgConn().CopyTo(p.ctx, &sink, "COPY (SELECT name FROM metadb.data_sources) TO STDOUT")
	p.say("copy out", tag, err, sink.String())
	p.say("drop", p.do("DROP DATA ORIGIN a"), p.do("DROP DATA SOURCE shop"), p.rows(sources))
}
