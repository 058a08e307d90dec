package pgwire_test

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"metadb/pgwire"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// TestStop stops a server with sessions in several states.
func TestStop(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	raw := func(sql string, wait bool) *pgconn.HijackedConn {
		conn, err := f.conn(t).PgConn().Hijack()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Conn.Close() })
		if sql == "" {
			return conn
		}
		conn.Frontend.SendQuery(query(sql))
		if err := conn.Frontend.Flush(); err != nil {
			t.Fatal(err)
		}
		for wait {
			m, err := conn.Frontend.Receive()
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := m.(*pgproto3.ReadyForQuery); ok {
				break
			}
		}
		return conn
	}
	idle, busy, open := raw("", false), raw("SELECT pg_sleep(60)", false), raw("BEGIN", true)
	short := raw("SELECT pg_sleep(0.3)", false)
	// Its client does not read; the answer is more than the sockets hold.
	stuck := raw("SELECT repeat('x', 100000) FROM generate_series(1, 1000)", false)
	_ = stuck

	f.stop()
	farewell := func(conn *pgconn.HijackedConn) (answers int) {
		t.Helper()
		for {
			m, err := conn.Frontend.Receive()
			if err != nil {
				t.Fatalf("no farewell: %v", err)
			}
			if e, ok := m.(*pgproto3.ErrorResponse); ok {
				if e.Code != "57P01" || e.Severity != "FATAL" {
					t.Errorf("got %+v", e)
				}
				return answers
			}
			answers++
		}
	}
	farewell(idle)
	if answers := farewell(short); answers == 0 {
		t.Error("the working session ended without its answer")
	}
	farewell(busy)
	farewell(open)
	select {
	case <-f.done:
	case <-time.After(30 * time.Second):
		t.Error("the server does not stop")
	}
	if _, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", f.addr); err == nil {
		t.Error("still listening")
	}
}

// TestPanicStaysInItsSession has a rewriter that panics.
func TestPanicStaysInItsSession(t *testing.T) {
	t.Parallel()
	db := newFront(t).db
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := pgwire.New(pgwire.Config{Dial: dial(db), Database: db.Name, Logger: discard(), Rewrite: func(text string, s pgwire.Settings) *pgwire.Rewriting {
		if text == "panic" {
			panic("as asked")
		}
		return rewrite(text, s)
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	f := &front{db: db, addr: listener.Addr().String()}
	other, conn := f.conn(t), f.conn(t)
	if _, err := conn.Exec(t.Context(), "panic"); err == nil {
		t.Error("no error")
	}
	if _, err := other.Exec(t.Context(), "LIST STATUS"); err != nil {
		t.Error(err)
	}
	f.conn(t)
}
