package pgwire_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"metadb/cmd/metadb/localpg"
	"metadb/pgwire"
	"metadb/testsql/pgtest"
	"metadb/testsql/psql"
)

func (f *front) secure(parameters string) string {
	return strings.Replace(f.url(), "sslmode=prefer", parameters, 1)
}

// secureFront is a relay that offers TLS.
func secureFront(t *testing.T) (*front, *pgtest.Certificate) {
	t.Helper()
	cert := pgtest.NewCertificate(t)
	db := pgtest.Database(t)
	if _, err := db.Conn(t).Exec(t.Context(), stubs, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	addr, stop, done := serve(t, pgwire.Config{Dial: dial(db), Database: db.Name, Certificate: cert.Show}, nil)
	return &front{db: db, addr: addr, stop: stop, done: done}, cert
}

func TestEncrypted(t *testing.T) {
	t.Parallel()
	f, cert := secureFront(t)
	for name, parameters := range map[string]string{
		"asked for": "sslmode=verify-full&sslrootcert=" + url.QueryEscape(cert.CertFile),
		"direct":    "sslmode=verify-full&sslnegotiation=direct&sslrootcert=" + url.QueryEscape(cert.CertFile),
		"prefer":    "sslmode=prefer",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := connect(t, f.secure(parameters))
			if _, ok := conn.PgConn().Conn().(*tls.Conn); !ok {
				t.Error("not encrypted")
			}
			if _, err := conn.Exec(t.Context(), createA); err != nil && fails(t, err).Code != "42710" {
				t.Error(err)
			}
			text := strings.Repeat("x", 5<<20)
			var got string
			if err := conn.QueryRow(t.Context(), "SELECT $1::text", text).Scan(&got); err != nil || got != text {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			done := make(chan error, 1)
			go func() {
				_, err := conn.Exec(context.Background(), "SELECT pg_sleep(60)")
				done <- err
			}()
			watch := f.db.Conn(t)
			waitFor(t, func() bool {
				var n int
				_ = watch.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND state = 'active'", int32(conn.PgConn().PID())).Scan(&n)
				return n == 1
			})
			if err := conn.PgConn().CancelRequest(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := fails(t, <-done); err.Code != "57014" {
				t.Errorf("got %+v", err)
			}
		})
	}
}

// TestFirstPacketsEncrypted holds beginnings that must lead to nothing.
func TestFirstPacketsEncrypted(t *testing.T) {
	t.Parallel()
	f, cert := secureFront(t)
	const ssl = 80877103
	raw := func(t *testing.T) net.Conn {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(8 * time.Second))
		return conn
	}
	ended := func(t *testing.T, conn net.Conn) {
		t.Helper()
		rest, err := io.ReadAll(conn)
		var slow net.Error
		if errors.As(err, &slow) && slow.Timeout() {
			t.Error("stays open")
		}
		if strings.ContainsAny(string(rest), "RE") && len(rest) > 20 {
			t.Errorf("answered %q", rest)
		}
	}
	startup := packet(3<<16, "user\x00"+f.db.User+"\x00database\x00metadb\x00\x00")
	t.Run("direct, no protocol named", func(t *testing.T) {
		t.Parallel()
		conn := tls.Client(raw(t), &tls.Config{RootCAs: cert.Roots, ServerName: "localhost"})
		_ = conn.HandshakeContext(t.Context())
		_, _ = conn.Write(startup)
		ended(t, conn)
	})
	t.Run("direct, another protocol", func(t *testing.T) {
		t.Parallel()
		conn := tls.Client(raw(t), &tls.Config{RootCAs: cert.Roots, ServerName: "localhost", NextProtos: []string{"http/1.1"}})
		if err := conn.HandshakeContext(t.Context()); err == nil {
			t.Error("agreed")
		}
	})
	t.Run("clear text behind the request", func(t *testing.T) {
		t.Parallel()
		conn := raw(t)
		if _, err := conn.Write(append(packet(ssl, ""), startup...)); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 1)
		if _, err := io.ReadFull(conn, answer); err != nil || answer[0] != 'S' {
			t.Fatalf("%q, %v", answer, err)
		}
		ended(t, conn)
	})
	t.Run("asked twice", func(t *testing.T) {
		t.Parallel()
		conn := raw(t)
		_, _ = conn.Write(packet(ssl, ""))
		_, _ = io.ReadFull(conn, make([]byte, 1))
		inside := tls.Client(conn, &tls.Config{RootCAs: cert.Roots, ServerName: "localhost"})
		if _, err := inside.Write(packet(ssl, "")); err != nil {
			t.Fatal(err)
		}
		ended(t, inside)
	})
	t.Run("gss, then tls", func(t *testing.T) {
		t.Parallel()
		conn := raw(t)
		_, _ = conn.Write(packet(80877104, ""))
		answer := make([]byte, 1)
		if _, err := io.ReadFull(conn, answer); err != nil || answer[0] != 'N' {
			t.Fatalf("%q, %v", answer, err)
		}
		_, _ = conn.Write(packet(ssl, ""))
		if _, err := io.ReadFull(conn, answer); err != nil || answer[0] != 'S' {
			t.Fatalf("%q, %v", answer, err)
		}
		inside := tls.Client(conn, &tls.Config{RootCAs: cert.Roots, ServerName: "localhost"})
		if _, err := inside.Write(startup); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(inside, answer); err != nil || answer[0] != 'R' {
			t.Fatalf("%q, %v", answer, err)
		}
	})
}

// dialTLS opens connections to a server with TLS, as sslmode=require does.
func dialTLS(server *localpg.Server) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(server.Host(), strconv.Itoa(server.Port())))
		if err != nil {
			return nil, err
		}
		if _, err := conn.Write(binary.BigEndian.AppendUint32([]byte{0, 0, 0, 8}, 80877103)); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			return nil, err
		}
		inside := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
		return inside, inside.HandshakeContext(ctx)
	}
}

// TestEncryptedLegs is the matrix of TLS on either leg, with libpq.
func TestEncryptedLegs(t *testing.T) {
	t.Parallel()
	psql, err := psql.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	shared, other := pgtest.NewCertificate(t), pgtest.NewCertificate(t)
	server := pgtest.ServerTLS(t, shared)
	clear := func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(server.Host(), strconv.Itoa(server.Port())))
	}
	for name, test := range map[string]struct {
		dial     func(context.Context) (net.Conn, error)
		cert     *pgtest.Certificate
		settings string
		want     string // "1", or a part of the error
	}{
		"plain, plain":                  {clear, nil, "sslmode=disable", "1"},
		"plain, TLS":                    {dialTLS(server), nil, "sslmode=disable", "1"},
		"TLS, plain":                    {clear, shared, "sslmode=require", "1"},
		"TLS, plain, bound":             {clear, shared, "sslmode=require channel_binding=require", "channel binding"},
		"TLS, TLS, same":                {dialTLS(server), shared, "sslmode=require", "1"},
		"TLS, TLS, same, bound":         {dialTLS(server), shared, "sslmode=require channel_binding=require", "1"},
		"TLS, TLS, other":               {dialTLS(server), other, "sslmode=require", "Give both the same certificate"},
		"TLS, TLS, other, not bound":    {dialTLS(server), other, "sslmode=require channel_binding=disable", "1"},
		"TLS, TLS, other, bad password": {dialTLS(server), other, "sslmode=require channel_binding=disable password=x", "password authentication failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := pgwire.Config{Dial: test.dial, Database: "postgres"}
			if test.cert != nil {
				config.Certificate = test.cert.Show
			}
			addr, _, _ := serve(t, config, nil)
			_, port, _ := net.SplitHostPort(addr)
			connection := "host=127.0.0.1 port=" + port + " dbname=metadb user=" + server.User() + " password=" + server.Password() + " " + test.settings
			out, _ := exec.CommandContext(t.Context(), psql, "-X", "-A", "-t", "-c", "SELECT 1", connection).CombinedOutput()
			if got := strings.TrimSpace(string(out)); !strings.Contains(got, test.want) || test.want == "1" && got != "1" {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
