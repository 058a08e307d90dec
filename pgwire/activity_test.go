package pgwire_test

import (
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
		"savepoint":                   {[]string{"BEGIN", a, "SAVEPOINT s", b, "ROLLBACK TO s", "COMMIT"}, "a unknown, b unknown"},
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
