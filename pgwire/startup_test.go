package pgwire_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"metadb/pgwire"
)

func TestPasswords(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	direct, err := pgx.ParseConfig(f.db.URL)
	if err != nil {
		t.Fatal(err)
	}
	through, err := pgx.ParseConfig(f.url())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*pgx.ConnConfig){
		"wrong password": func(c *pgx.ConnConfig) { c.Password = "wrong" },
		"no password":    func(c *pgx.ConnConfig) { c.Password = "" },
		"unknown user":   func(c *pgx.ConnConfig) { c.User = "nobody here" },
		"database":       func(c *pgx.ConnConfig) { c.Database = "no such database" },
		"bad parameter":  func(c *pgx.ConnConfig) { c.RuntimeParams["nosuch"] = "1" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var errs [2]string
			for i, config := range []*pgx.ConnConfig{direct.Copy(), through.Copy()} {
				change(config)
				conn, err := pgx.ConnectConfig(t.Context(), config)
				if err == nil {
					_ = conn.Close(t.Context())
					t.Fatal("connected")
				}
				var pg *pgconn.PgError
				if errors.As(err, &pg) {
					errs[i] = pg.Severity + pg.Code + pg.Message
				}
			}
			if errs[0] != errs[1] {
				t.Errorf("direct %q, through the relay %q", errs[0], errs[1])
			}
		})
	}
}

func TestAliasAndParameters(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	for _, name := range []string{"metadb", f.db.Name} {
		address := strings.Replace(f.url(), "/metadb?", "/"+name+"?application_name=ä&options=-c%20extra_float_digits%3D1&", 1)
		var database, application, digits string
		err := connect(t, address).QueryRow(t.Context(),
			"SELECT current_database(), current_setting('application_name'), current_setting('extra_float_digits')").Scan(&database, &application, &digits)
		if err != nil || database != f.db.Name || digits != "1" {
			t.Errorf("%s: got %s, %s, %s, %v", name, database, application, digits, err)
		}
	}
	_, err := pgx.Connect(t.Context(), strings.Replace(f.url(), "/metadb?", "/postgres?replication=database&", 1))
	if fails(t, err).Code != "0A000" {
		t.Error(err)
	}
}

// packet makes a packet of before the session.
func packet(code uint32, body string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(body)))
	return append(binary.BigEndian.AppendUint32(b, code), body...)
}

func TestFirstPackets(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	const ssl, gss, cancel = 80877103, 80877104, 80877102
	tests := map[string]struct {
		send string
		want string // how the answer begins; it always ends
	}{
		"http":                  {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", ""},
		"direct tls":            {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", ""},
		"too short":             {"\x00\x00\x00\x07\x00\x03\x00\x00", ""},
		"negative":              {"\xff\xff\xff\xff\x00\x03\x00\x00", ""},
		"too long":              {string(packet(3<<16, strings.Repeat("x", 10000))), ""},
		"nothing":               {"", ""},
		"half a packet":         {"\x00\x00\x00\xff\x00\x03\x00\x00user", ""},
		"unknown request":       {string(packet(80877109, "")), ""},
		"ssl twice":             {string(packet(ssl, "")) + string(packet(ssl, "")), "N"},
		"gss, ssl, http":        {string(packet(gss, "")) + string(packet(ssl, "")) + "GET / HTTP/1.1", "NN"},
		"ssl with a body":       {string(packet(ssl, "xxxx")), ""},
		"no terminator":         {string(packet(3<<16, "user\x00postgres\x00")), "E"},
		"no value":              {string(packet(3<<16, "user\x00")), "E"},
		"behind terminator":     {string(packet(3<<16, "user\x00postgres\x00\x00x")), "E"},
		"version 2":             {string(packet(2<<16, "")), "E"},
		"version 4":             {string(packet(4<<16, "user\x00postgres\x00\x00")), "E"},
		"version 3.9999":        {string(packet(3<<16|9999, "user\x00postgres\x00database\x00metadb\x00_pq_.x\x00y\x00\x00")), "v"},
		"cancel, wrong key":     {string(packet(cancel, "\x00\x00\x00\x01\x00\x00\x00\x01")), ""},
		"cancel, no key":        {string(packet(cancel, "")), ""},
		"answer of no password": {string(packet(3<<16, "user\x00postgres\x00database\x00metadb\x00\x00")) + "Q\x00\x00\x00\x04", "R"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", f.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := conn.Write([]byte(test.send)); err != nil {
				t.Fatal(err)
			}
			_ = conn.(*net.TCPConn).CloseWrite()
			_ = conn.SetReadDeadline(time.Now().Add(8 * time.Second)) // below the server's own
			got, err := io.ReadAll(conn)
			var slow net.Error
			if errors.As(err, &slow) && slow.Timeout() {
				t.Fatalf("connection stays open after %q", got)
			}
			if !strings.HasPrefix(string(got), test.want) || test.want == "" && len(got) > 0 {
				t.Errorf("got %q", got)
			}
		})
	}
}

// fakeBackend authenticates as it is told, and takes any password.
func fakeBackend(t *testing.T, ask pgproto3.BackendMessage) func(context.Context) (net.Conn, error) {
	t.Helper()
	return func(context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer func() { _ = theirs.Close() }()
			backend := pgproto3.NewBackend(theirs, theirs)
			if _, err := backend.ReceiveStartupMessage(); err != nil {
				return
			}
			if ask != nil {
				backend.Send(ask)
				if backend.Flush() != nil || backend.SetAuthType(pgproto3.AuthTypeCleartextPassword) != nil {
					return
				}
				if _, err := backend.Receive(); err != nil {
					return
				}
			}
			backend.Send(&pgproto3.AuthenticationOk{})
			backend.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}})
			backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
			_ = backend.Flush()
			_, _ = backend.Receive() // until the client ends
		}()
		return ours, nil
	}
}

func TestBackendNotReachable(t *testing.T) {
	t.Parallel()
	addr, _, _ := serve(t, pgwire.Config{Dial: func(context.Context) (net.Conn, error) { return nil, errors.New("down") }}, nil)
	_, err := pgconn.Connect(t.Context(), "postgres://u:p@"+addr+"/d?sslmode=disable")
	if pg := fails(t, err); pg.Code != "57P03" || pg.Hint == "" || pg.Severity != "FATAL" {
		t.Errorf("got %+v", pg)
	}
}

// pipeListener hands out prepared connections.
type pipeListener struct{ conns chan net.Conn }

func (p pipeListener) Accept() (net.Conn, error) {
	conn, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipeListener) Close() error   { close(p.conns); return nil }
func (p pipeListener) Addr() net.Addr { return &net.UnixAddr{} }

// TestStartupEnds has a client that says nothing.
func TestStartupEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		listener := pipeListener{make(chan net.Conn, 1)}
		listener.conns <- theirs
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		server := pgwire.New(pgwire.Config{Logger: discard(), Rewrite: rewrite})
		go func() { done <- server.Serve(ctx, listener) }()
		begin := time.Now()
		if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begin); took != 10*time.Second {
			t.Errorf("took %s", took)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
