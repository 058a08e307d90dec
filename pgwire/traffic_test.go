package pgwire_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"metadb/testsql/psql"
)

func TestPipelines(t *testing.T) {
	t.Parallel()
	const good, bad, select1 = "CREATE DATA ORIGIN o", "LIST nothing", "SELECT 1"
	tests := map[string][]string{
		"first":  {bad, good, select1},
		"middle": {good, bad, select1},
		"last":   {good, select1, bad},
	}
	for name, batch := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFront(t)
			conn := f.conn(t).PgConn()
			p := conn.StartPipeline(t.Context())
			for _, sql := range batch {
				p.SendQueryParams(sql, nil, nil, nil, nil)
			}
			if err := p.Sync(); err != nil {
				t.Fatal(err)
			}
			p.SendQueryParams("CREATE DATA ORIGIN later", nil, nil, nil, nil)
			if err := p.Sync(); err != nil {
				t.Fatal(err)
			}
			var got []string
			for {
				result, err := p.GetResults()
				var pg *pgconn.PgError
				switch {
				case errors.As(err, &pg):
					got = append(got, pg.Code)
					continue
				case err != nil:
					t.Fatal(err)
				case result == nil:
				default:
					if rows, ok := result.(*pgconn.ResultReader); ok {
						tag, err := rows.Close()
						if errors.As(err, &pg) {
							got = append(got, pg.Code)
						} else {
							got = append(got, tag.String())
						}
					}
					if _, ok := result.(*pgconn.PipelineSync); ok {
						got = append(got, "sync")
					}
					continue
				}
				break
			}
			if err := p.Close(); err != nil && fails(t, err).Code != "22023" {
				t.Error(err)
			}
			var want []string
			for _, sql := range batch {
				if sql == bad {
					want = append(want, "22023")
					break
				}
				want = append(want, map[string]string{good: "CREATE DATA ORIGIN", select1: "SELECT 1"}[sql])
			}
			want = append(want, "sync", "CREATE DATA ORIGIN", "sync")
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("got %q, want %q", got, want)
			}
			if n := count(t, f.db.Conn(t)); n != 1 {
				t.Errorf("%d origins, want only the later one", n)
			}
		})
	}
}

func TestBegin(t *testing.T) {
	t.Parallel()
	// As JDBC does: BEGIN and a statement with a backslash in one go.
	conn := newFront(t).conn(t).PgConn()
	p := conn.StartPipeline(t.Context())
	p.SendQueryParams("BEGIN", nil, nil, nil, nil)
	p.SendQueryParams(createA, nil, nil, nil, nil)
	p.SendQueryParams("LIST STATUS", nil, nil, nil, nil)
	if err := p.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestCopyThenStatement(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	conn := f.conn(t)
	if _, err := conn.Exec(t.Context(), "CREATE TABLE t (i integer, s text)"); err != nil {
		t.Fatal(err)
	}
	pg := conn.PgConn()
	check := func(what string) {
		t.Helper()
		for name, mode := range modes {
			if tag, err := conn.Exec(t.Context(), "DROP DATA SOURCE s", mode); err != nil || tag.String() != "DROP DATA SOURCE" {
				t.Errorf("%s, %s: got %s, %v", what, name, tag, err)
			}
		}
	}
	var rows strings.Builder
	for range 100_000 {
		rows.WriteString("1\tsome text that goes on for a while\n")
	}
	tag, err := pg.CopyFrom(t.Context(), strings.NewReader(rows.String()), "COPY t FROM STDIN")
	if err != nil || tag.String() != "COPY 100000" {
		t.Fatalf("got %s, %v", tag, err)
	}
	check("in")
	var out bytes.Buffer
	if _, err := pg.CopyTo(t.Context(), &out, "COPY t TO STDOUT"); err != nil || out.String() != rows.String() {
		t.Errorf("got %d bytes, want %d; %v", out.Len(), rows.Len(), err)
	}
	check("out")
	if _, err := pg.CopyFrom(t.Context(), strings.NewReader("x\t\n"+rows.String()), "COPY t FROM STDIN"); fails(t, err).Code != "22P02" {
		t.Error(err)
	}
	check("in, bad row")
	if _, err := pg.CopyFrom(t.Context(), io.MultiReader(strings.NewReader("1\t\n"), brokenReader{}), "COPY t FROM STDIN"); err == nil {
		t.Error("no error")
	}
	check("in, given up")
	if _, err := conn.CopyFrom(t.Context(), pgx.Identifier{"t"}, []string{"i", "s"}, pgx.CopyFromRows([][]any{{1, "a"}})); err != nil {
		t.Error(err)
	}
	check("in, binary")
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken") }

func TestLargeMessages(t *testing.T) {
	t.Parallel()
	conn := newFront(t).conn(t)
	for _, size := range []int{1 << 14, 1 << 20, 20 << 20} {
		text := strings.Repeat("x", size)
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeCacheStatement} {
			var got string
			if err := conn.QueryRow(t.Context(), "SELECT $1::text", mode, text).Scan(&got); err != nil || got != text {
				t.Errorf("%d bytes, %s: got %d, %v", size, mode, len(got), err)
			}
		}
		if tag, err := conn.Exec(t.Context(), "DROP DATA SOURCE s"); err != nil || tag.String() != "DROP DATA SOURCE" {
			t.Errorf("got %s, %v", tag, err)
		}
	}
}

func TestNotify(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	listener, conn := f.conn(t), f.conn(t)
	if _, err := listener.Exec(t.Context(), "LISTEN metadb_catalog"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), createA); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	n, err := listener.WaitForNotification(ctx)
	if err != nil || n.Channel != "metadb_catalog" {
		t.Errorf("got %+v, %v", n, err)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	conn := f.conn(t)
	watch := f.db.Conn(t)
	done := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.Background(), "SELECT pg_sleep(60)")
		done <- err
	}()
	waitFor(t, func() bool {
		var n int
		_ = watch.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(60)'").Scan(&n)
		return n == 1
	})
	if err := conn.PgConn().CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := fails(t, <-done); err.Code != "57014" {
		t.Errorf("got %+v", err)
	}
}

// waitFor polls until a condition holds.
func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatal("condition does not come to hold")
		case <-tick.C:
		}
	}
}

// TestVanishedClientFreesBackend ends clients without a farewell.
func TestVanishedClientFreesBackend(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	watch := f.db.Conn(t)
	for _, sql := range []string{"SELECT 1", "BEGIN", "COPY metadb.made FROM STDIN"} {
		conn := f.conn(t).PgConn()
		hijacked, err := conn.Hijack()
		if err != nil {
			t.Fatal(err)
		}
		hijacked.Frontend.SendQuery(query(sql))
		if err := hijacked.Frontend.Flush(); err != nil {
			t.Fatal(err)
		}
		if _, err := hijacked.Frontend.Receive(); err != nil {
			t.Fatal(err)
		}
		_ = hijacked.Conn.Close()
		waitFor(t, func() bool {
			var n int
			err := watch.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid = $1", int32(hijacked.PID)).Scan(&n)
			return err == nil && n == 0
		})
	}
}

var valid = regexp.MustCompile(`Valid parameters are: [a-z_, ]*`)

func TestPsql(t *testing.T) {
	t.Parallel()
	psql, err := psql.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := newFront(t)
	run := func(script string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), psql, "-X", "-d", f.url(), "-v", "VERBOSITY=default", "-A", "-t")
		cmd.Stdin = strings.NewReader(script)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	tests := []struct{ script, want string }{
		{createA + ";\nLIST STATUS;\n", "CREATE DATA SOURCE\na|1\n"},
		{"BEGIN;\nDROP DATA SOURCE a;\nROLLBACK;\nLIST STATUS;", "BEGIN\nDROP DATA SOURCE\nROLLBACK\na|1\n"},
		{"SELECT 1 \\; LIST CONFIG \\; CREATE DATA ORIGIN o;", "1\na|2\nb|1\nCREATE DATA ORIGIN\n"},
		{
			"SELECT 'ä' \\; LIST stauts;",
			"ERROR:  unrecognized parameter \"stauts\"\nLINE 1: SELECT 'ä' ; LIST stauts;\n                          ^\n" +
				"HINT:  Did you mean \"status\"? Valid parameters are: …\n",
		},
		{createA + ";", "ERROR:  data source \"a\" already exists\nHINT:  Use another name.\n"},
		{"\\copy metadb.made (name) FROM STDIN\nb\n\\.\nLIST STATUS;\n", "COPY 1\na|1\nb|1\no|1\n"},
	}
	for _, test := range tests {
		got := valid.ReplaceAllString(run(test.script), "Valid parameters are: …") // they grow
		if got != test.want {
			t.Errorf("%s\ngot  %q\nwant %q", test.script, got, test.want)
		}
	}
}
