package pgwire_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"metadb/pgwire"
	"metadb/testsql/pgtest"
)

// TestActivity tells what becomes of statements, by what their transactions do.
func TestActivity(t *testing.T) {
	t.Parallel()
	const a, b = "CREATE DATA ORIGIN a", "CREATE DATA ORIGIN b"
	for name, test := range map[string]struct {
		send []string
		want string
	}{
		"alone":                       {[]string{a}, "a committed"},
		"list":                        {[]string{"LIST status"}, ""},
		"several":                     {[]string{a + "; SELECT 1; " + b}, "a committed, b committed"},
		"error behind":                {[]string{a + "; SELECT 1/0"}, "a rolled back"},
		"fails":                       {[]string{a + "; " + a}, "a failed 23505, a rolled back"},
		"malformed":                   {[]string{a + "; CREATE DATA ORIGIN"}, "? failed 42601"},
		"transaction":                 {[]string{"BEGIN", a, b, "COMMIT"}, "a committed, b committed"},
		"transaction in one":          {[]string{"BEGIN; " + a + "; COMMIT"}, "a committed"},
		"rollback":                    {[]string{"BEGIN", a, "ROLLBACK"}, "a rolled back"},
		"rollback in one":             {[]string{"BEGIN; " + a + "; ROLLBACK; " + b}, "a rolled back, b committed"},
		"commit of one that failed":   {[]string{"BEGIN", a, "SELECT 1/0", "COMMIT"}, "a rolled back"},
		"refused in one that failed":  {[]string{"BEGIN", "SELECT 1/0", a, "COMMIT"}, "a failed 25P02"},
		"savepoint":                   {[]string{"BEGIN", a, "SAVEPOINT s", b, "ROLLBACK TO s", "COMMIT"}, "b rolled back, a committed"},
		"savepoint, again":            {[]string{"BEGIN", "SAVEPOINT s", a, "SAVEPOINT s", b, "ROLLBACK TO SAVEPOINT s", "ROLLBACK TO s", "COMMIT"}, "b rolled back, a committed"},
		"savepoint, within":           {[]string{"BEGIN", "SAVEPOINT s", a, "SAVEPOINT t", b, "ROLLBACK TO S", "COMMIT"}, "a rolled back, b rolled back"},
		"savepoint, after its end":    {[]string{"BEGIN", "SAVEPOINT s", "SAVEPOINT s", a, "RELEASE s", "ROLLBACK TO s", b, "COMMIT"}, "a rolled back, b committed"},
		"savepoint, released":         {[]string{"BEGIN", "SAVEPOINT s", a, "RELEASE SAVEPOINT s", "COMMIT"}, "a committed"},
		"savepoint, after an error":   {[]string{"BEGIN", a, `SAVEPOINT "S 1"`, b, "SELECT 1/0", `ROLLBACK TO "S 1"`, "COMMIT"}, "b rolled back, a committed"},
		"savepoint, prepared":         {[]string{"PBEGIN", "PSAVEPOINT s", "P" + a, "PROLLBACK TO s", "P" + b, "PCOMMIT"}, "a rolled back, b committed"},
		"savepoint, in one":           {[]string{"BEGIN; " + a + "; SAVEPOINT s; " + b + "; ROLLBACK TO s; COMMIT"}, "b rolled back, a committed"},
		"savepoint, two transactions": {[]string{"BEGIN", "SAVEPOINT s", "COMMIT", "BEGIN", a, "SAVEPOINT s", "ROLLBACK TO s", "COMMIT"}, "a committed"},
		"savepoint, not followed":     {[]string{"BEGIN", a, "SAVEPOINT s", "SELECT 1; ROLLBACK TO s", "COMMIT"}, "a unknown"},
		"savepoint made unseen":       {[]string{"BEGIN", a, "SAVEPOINT s", "SELECT 1; SAVEPOINT s", b, "ROLLBACK TO s", "COMMIT"}, "a unknown, b unknown"},
		"savepoint, then a repeated":  {[]string{"BEGIN", a, "SAVEPOINT s", "SELECT 1; ROLLBACK TO s", "BEGIN", "COMMIT"}, "a unknown"},
		"rollback and chain":          {[]string{"BEGIN", a, "ROLLBACK AND CHAIN", b, "COMMIT"}, "a rolled back, b committed"},
		"next transaction in one":     {[]string{"BEGIN; " + a + "; ROLLBACK; BEGIN; " + b + "; COMMIT"}, "a rolled back, b committed"},
		"session ends":                {[]string{"BEGIN", a, "end"}, "a rolled back"},
		"prepared":                    {[]string{"P" + a}, "a committed"},
		"prepared, in a transaction":  {[]string{"BEGIN", "P" + a, "PROLLBACK"}, "a rolled back"},
		"prepared, error in a series": {[]string{"P" + a + "|SELECT 1/0"}, "a rolled back"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.Database(t)
			if _, err := db.Conn(t).Exec(t.Context(), stubs, pgx.QueryExecModeSimpleProtocol); err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex // guards got
			var got []pgwire.Activity
			addr, _, _ := serve(t, pgwire.Config{Dial: dial(db), Database: db.Name, Observe: func(a pgwire.Activity) {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, a)
			}}, nil)
			f := &front{db: db, addr: addr}
			conn, err := pgconn.Connect(t.Context(), f.url()+"&application_name=test")
			if err != nil {
				t.Fatal(err)
			}
			pid := conn.PID()
			hijacked, err := conn.Hijack()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = hijacked.Conn.Close() })
			for _, one := range test.send {
				converse(t, hijacked.Frontend, one)
			}
			_ = hijacked.Conn.Close()
			want := strings.Count(test.want, ",") + min(len(test.want), 1)
			waitFor(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(got) >= want })
			mu.Lock()
			defer mu.Unlock()
			var said []string
			for _, one := range got {
				if one.User != db.User || one.Application != "test" || one.PID != pid || !strings.HasPrefix(one.Client, "127.0.0.1:") || one.Statement != "CREATE DATA ORIGIN" {
					t.Errorf("%+v", one)
				}
				what := strings.TrimPrefix(one.Text, "CREATE DATA ORIGIN")
				if what = strings.TrimSpace(what); what == "" {
					what = "?"
				}
				said = append(said, strings.TrimSpace(what+" "+string(one.Outcome)+" "+one.Code))
			}
			if s := strings.Join(said, ", "); s != test.want {
				t.Errorf("got %q, want %q", s, test.want)
			}
		})
	}
}

// TestActivityOfLostSessions loses the backend, or is thrown out by it, while a
// statement waits for a lock behind others.
func TestActivityOfLostSessions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lose func(t *testing.T, watch *pgx.Conn, pid uint32, backend net.Conn)
		send func(f *pgproto3.Frontend)
		want string
	}{
		"connection":           {cut, simple, "b unknown, a unknown"},
		"terminated":           {terminate, simple, "b failed 57P01, a rolled back"},
		"connection, pipeline": {cut, pipeline, "b unknown, c unknown, d unknown, a unknown"},
		"terminated, pipeline": {terminate, pipeline, "b failed 57P01, d unknown, a rolled back"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.Database(t)
			watch := db.Conn(t)
			if _, err := watch.Exec(t.Context(), stubs, pgx.QueryExecModeSimpleProtocol); err != nil {
				t.Fatal(err)
			}
			seen := make(chan pgwire.Activity, 10)
			var backend net.Conn
			addr, _, _ := serve(t, pgwire.Config{Database: db.Name, Observe: func(a pgwire.Activity) { seen <- a }, Dial: func(ctx context.Context) (net.Conn, error) {
				conn, err := dial(db)(ctx)
				backend = conn
				return conn, err
			}}, nil)
			conn, err := pgconn.Connect(t.Context(), (&front{db: db, addr: addr}).url())
			if err != nil {
				t.Fatal(err)
			}
			hijacked, err := conn.Hijack()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = hijacked.Conn.Close() })
			lock, err := db.Conn(t).Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := lock.Exec(t.Context(), "INSERT INTO metadb.made VALUES ('b')"); err != nil {
				t.Fatal(err)
			}
			converse(t, hijacked.Frontend, "BEGIN")
			converse(t, hijacked.Frontend, "CREATE DATA ORIGIN a")
			test.send(hijacked.Frontend)
			if err := hijacked.Frontend.Flush(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, func() bool {
				var waits bool
				err := watch.QueryRow(t.Context(), "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1", int32(hijacked.PID)).Scan(&waits)
				return err == nil && waits
			})
			test.lose(t, watch, hijacked.PID, backend)
			var said []string
			for range strings.Count(test.want, ",") + 1 {
				a := <-seen
				said = append(said, strings.TrimSpace(strings.TrimPrefix(a.Text, "CREATE DATA ORIGIN ")+" "+string(a.Outcome)+" "+a.Code))
			}
			if got := strings.Join(said, ", "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// simple sends b and what must not be run behind it.
func simple(f *pgproto3.Frontend) { f.Send(query("CREATE DATA ORIGIN b")) }

// pipeline sends b and c up to a Sync, and d behind it.
func pipeline(f *pgproto3.Frontend) {
	for _, series := range [][]string{{"b", "c"}, {"d"}} {
		for _, name := range series {
			f.Send(parse("", "CREATE DATA ORIGIN "+name))
			f.Send(bind("", ""))
			f.Send(execute("", 0))
		}
		f.Send(&pgproto3.Sync{})
	}
}

func cut(_ *testing.T, _ *pgx.Conn, _ uint32, backend net.Conn) { _ = backend.Close() }

func terminate(t *testing.T, watch *pgx.Conn, pid uint32, _ net.Conn) {
	t.Helper()
	if _, err := watch.Exec(t.Context(), "SELECT pg_terminate_backend($1)", int32(pid)); err != nil {
		t.Fatal(err)
	}
}

// converse sends one query, or with P statements of the extended protocol, and
// reads the answers.
func converse(t *testing.T, f *pgproto3.Frontend, what string) {
	t.Helper()
	if what == "end" {
		return
	}
	if series, ok := strings.CutPrefix(what, "P"); ok {
		for sql := range strings.SplitSeq(series, "|") {
			f.Send(parse("", sql))
			f.Send(bind("", ""))
			f.Send(execute("", 0))
		}
		f.Send(&pgproto3.Sync{})
	} else {
		f.Send(query(what))
	}
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	for {
		m, err := f.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := m.(*pgproto3.ReadyForQuery); ok {
			return
		}
	}
}
