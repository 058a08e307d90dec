package pgwire_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"metadb/pgwire"
	"metadb/testsql/pgtest"
)

func TestWhoIsAdmitted(t *testing.T) {
	t.Parallel()
	clear, md5 := &pgproto3.AuthenticationCleartextPassword{}, &pgproto3.AuthenticationMD5Password{Salt: [4]byte{1, 2, 3, 4}}
	gss := &pgproto3.AuthenticationGSS{}
	away := func(l net.Listener) net.Listener { return remote{l} }
	tests := map[string]struct {
		ask   pgproto3.BackendMessage
		allow bool
		wrap  func(net.Listener) net.Listener
		code  string
	}{
		"trust, local":                 {nil, false, nil, "28000"},
		"trust, local, allowed":        {nil, true, nil, ""},
		"trust, remote":                {nil, false, away, "28000"},
		"trust, remote, local allowed": {nil, true, away, "28000"},
		"clear, local":                 {clear, false, nil, ""},
		"clear, remote":                {clear, false, away, "28000"},
		"md5, remote":                  {md5, false, away, ""},
		"gss":                          {gss, true, nil, "28000"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr, _, _ := serve(t, pgwire.Config{Dial: fakeBackend(t, test.ask), AllowPasswordlessLocal: test.allow, AllowPlaintextRemote: true}, test.wrap)
			conn, err := pgconn.Connect(t.Context(), "postgres://u:p@"+addr+"/d?sslmode=disable")
			if err == nil {
				_ = conn.Close(t.Context())
			}
			if test.code == "" && err != nil || test.code != "" && fails(t, err).Code != test.code {
				t.Errorf("got %v, want %q", err, test.code)
			}
		})
	}
}

// TestRemoteClients are refused where that would give something away.
func TestRemoteClients(t *testing.T) {
	t.Parallel()
	cert := pgtest.NewCertificate(t)
	clear := &pgproto3.AuthenticationCleartextPassword{}
	away := func(l net.Listener) net.Listener { return remote{l} }
	inside, outside := netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24")
	for name, test := range map[string]struct {
		config pgwire.Config
		mode   string
		code   string
	}{
		"without TLS":           {pgwire.Config{}, "disable", "28000"},
		"without TLS, allowed":  {pgwire.Config{AllowPlaintextRemote: true}, "disable", "28000"}, // the password is asked in clear
		"clear inside of TLS":   {pgwire.Config{}, "require", ""},
		"network":               {pgwire.Config{Networks: []netip.Prefix{outside, inside}}, "require", ""},
		"network, not admitted": {pgwire.Config{Networks: []netip.Prefix{outside}}, "require", "closed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.config.Dial, test.config.Certificate = fakeBackend(t, clear), cert.Show
			addr, _, _ := serve(t, test.config, away)
			conn, err := pgconn.Connect(t.Context(), "postgres://u:p@"+addr+"/d?sslmode="+test.mode)
			if err == nil {
				_ = conn.Close(t.Context())
			}
			var pg *pgconn.PgError
			switch {
			case test.code == "closed":
				if err == nil || errors.As(err, &pg) {
					t.Errorf("got %v", err)
				}
			case test.code == "" && err != nil, test.code != "" && fails(t, err).Code != test.code:
				t.Errorf("got %v, want %q", err, test.code)
			}
		})
	}
}

// remote makes its clients come from another machine.
type remote struct{ net.Listener }

type remoteConn struct{ net.Conn }

func (r remote) Accept() (net.Conn, error) {
	conn, err := r.Listener.Accept()
	return remoteConn{conn}, err
}

func (remoteConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1} }

func TestTooManyStartups(t *testing.T) {
	t.Parallel()
	began := make(chan struct{}, 1)
	addr, _, _ := serve(t, pgwire.Config{MaxStartups: 1, Dial: func(ctx context.Context) (net.Conn, error) {
		began <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}}, nil)
	slow, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Close() }()
	if _, err := slow.Write(packet(3<<16, "user\x00u\x00\x00")); err != nil {
		t.Fatal(err)
	}
	<-began
	_, err = pgconn.Connect(t.Context(), "postgres://u:p@"+addr+"/d?sslmode=disable")
	if fails(t, err).Code != "53300" {
		t.Error(err)
	}
}

// TestStartupsOfOneAddress has one machine take all the places it can.
func TestStartupsOfOneAddress(t *testing.T) {
	t.Parallel()
	cert := pgtest.NewCertificate(t)
	froms := make(chan string, 16)
	addr, _, _ := serve(t, pgwire.Config{
		Dial: fakeBackend(t, &pgproto3.AuthenticationCleartextPassword{}), Certificate: cert.Show, MaxStartups: 8,
	}, func(l net.Listener) net.Listener { return several{l, froms} })
	for range 2 { // a quarter of the places
		froms <- "192.0.2.1"
		silent, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = silent.Close() }()
		// It has its place once it is answered.
		if _, err := silent.Write(packet(80877103, "")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(silent, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	froms <- "192.0.2.1"
	if conn, err := pgconn.Connect(t.Context(), "postgres://u:p@"+addr+"/d?sslmode=require"); err == nil {
		_ = conn.Close(t.Context())
		t.Error("a third connection of the same address was let in")
	}
	froms <- "192.0.2.2"
	conn, err := pgconn.Connect(t.Context(), "postgres://u:p@"+addr+"/d?sslmode=require")
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(t.Context())
}

// several makes its clients come from the machines it is told.
type several struct {
	net.Listener
	from chan string
}

type fromConn struct {
	net.Conn
	from string
}

func (s several) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return fromConn{conn, <-s.from}, nil
}

func (f fromConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(f.from), Port: 1} }

func TestMaxSessions(t *testing.T) {
	t.Parallel()
	addr, _, _ := serve(t, pgwire.Config{Dial: fakeBackend(t, nil), AllowPasswordlessLocal: true, MaxSessions: 2}, nil)
	address := "postgres://u:p@" + addr + "/d?sslmode=disable"
	open := func() (*pgconn.PgConn, error) { return pgconn.Connect(t.Context(), address) }
	first, err := open()
	if err != nil {
		t.Fatal(err)
	}
	second, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(); fails(t, err).Code != "53300" {
		t.Errorf("got %v", err)
	}
	_ = first.Close(t.Context())
	waitFor(t, func() bool {
		third, err := open()
		if err != nil {
			return false
		}
		_ = third.Close(t.Context())
		return true
	})
	_ = second.Close(t.Context())
}
