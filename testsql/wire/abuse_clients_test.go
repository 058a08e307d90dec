package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

func (a *abuse) dial() (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", a.address, answerTime)
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(answerTime))
	}
	return conn, err
}

func (a *abuse) session() (*pgconn.PgConn, error) {
	ctx, cancel := context.WithTimeout(a.t.Context(), answerTime)
	defer cancel()
	return pgconn.Connect(ctx, a.url+"&application_name=abuse")
}

// send writes to a new connection, and reads until the server ends it.
func (a *abuse) send(conn net.Conn, b []byte) error {
	defer func() { _ = conn.Close() }()
	_, _ = conn.Write(b) // the server may have closed at the first bytes
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	var slow net.Error
	if _, err := io.Copy(io.Discard, conn); errors.As(err, &slow) && slow.Timeout() {
		return errors.New("the server keeps the connection")
	}
	return nil
}

func noise(i, n int) []byte {
	random := rand.New(rand.NewPCG(uint64(i), 1))
	b := make([]byte, n)
	for j := range b {
		b[j] = byte(random.Uint32())
	}
	return b
}

// hijacked is a session whose messages the caller sends and reads itself.
func (a *abuse) hijacked() (*pgconn.HijackedConn, error) {
	conn, err := a.session()
	if err != nil {
		return nil, err
	}
	s, err := conn.Hijack()
	if err != nil {
		return nil, err
	}
	return s, s.Conn.SetDeadline(time.Now().Add(answerTime))
}

func (a *abuse) openAndClose(_ int) error {
	conn, err := a.session()
	if err != nil {
		return err
	}
	if _, err := conn.Exec(a.t.Context(), "LIST data_sources").ReadAll(); err != nil {
		return err
	}
	return conn.Close(a.t.Context())
}

// vanish ends a client without a farewell, in the middle of something.
func (a *abuse) vanish(i int) error {
	s, err := a.hijacked()
	if err != nil {
		return err
	}
	defer func() { _ = s.Conn.Close() }()
	s.Frontend.SendQuery(&pgproto3.Query{String: []string{"BEGIN", "SELECT * FROM big", "COPY big FROM STDIN", "SELECT pg_sleep(0.2)"}[i%4]})
	if err := s.Frontend.Flush(); err != nil {
		return err
	}
	if i%4 < 3 {
		_, err = s.Frontend.Receive()
	}
	return err
}

// killed ends a backend while its result is read.
func (a *abuse) killed(_ int) error {
	conn, err := a.session()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(a.t.Context()) }()
	rows := conn.Exec(a.t.Context(), "SELECT *, CASE WHEN i = 15000 THEN pg_terminate_backend(pg_backend_pid()) END FROM big")
	_, err = rows.ReadAll()
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "57P01" {
		return fmt.Errorf("killed: %w", err)
	}
	return nil
}

func (a *abuse) garbage(i int) error {
	conn, err := a.dial()
	if err != nil {
		return err
	}
	switch i % 4 {
	case 0:
		return a.send(conn, []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	case 1: // as long as it says, of the right version, and nonsense
		b := binary.BigEndian.AppendUint32(nil, 1000)
		return a.send(conn, append(binary.BigEndian.AppendUint32(b, 3<<16), noise(i, 992)...))
	case 2:
		return a.send(conn, append([]byte{0x16, 3, 1}, noise(i, 500)...))
	default:
		return a.send(conn, noise(i, 4000))
	}
}

func (a *abuse) garbageInTLS(i int) error {
	conn, err := a.dial()
	if err != nil {
		return err
	}
	inside := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"postgresql"}})
	if err := inside.HandshakeContext(a.t.Context()); err != nil {
		_ = conn.Close()
		return err
	}
	return a.send(inside, noise(i, 3000))
}

func (a *abuse) garbageInSession(i int) error {
	s, err := a.hijacked()
	if err != nil {
		return err
	}
	return a.send(s.Conn, noise(i, 10000))
}

// oversized says that a message is larger than it may be, or than what comes.
func (a *abuse) oversized(i int) error {
	s, err := a.hijacked()
	if err != nil {
		return err
	}
	size := []uint32{0, 3, 1<<30 + 1, 1<<31 + 4, 1<<32 - 1, 1 << 29}[i%6]
	b := binary.BigEndian.AppendUint32([]byte{"QPBdE"[i%5]}, size)
	return a.send(s.Conn, append(b, noise(i, 100_000)...))
}

// slow begins, and says no more; when it goes it is forgotten.
func (a *abuse) slow(i int) error {
	conn, err := a.dial()
	if err != nil {
		return err
	}
	if _, err := conn.Write([]byte{0, 0, 0, 50, 0, 3, 0, 0}[:i%8]); err != nil {
		return err
	}
	return conn.Close()
}

// readsNothing asks for much and goes.
func (a *abuse) readsNothing(_ int) error {
	s, err := a.hijacked()
	if err != nil {
		return err
	}
	s.Frontend.SendQuery(&pgproto3.Query{String: "SELECT * FROM big, generate_series(1, 100)"})
	if err := s.Frontend.Flush(); err != nil {
		return err
	}
	if _, err := s.Frontend.Receive(); err != nil {
		return err
	}
	return s.Conn.Close()
}

func (a *abuse) cancel(i int) error {
	conn, err := a.dial()
	if err != nil {
		return err
	}
	key := noise(i, 4+i%300)
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(key)))
	return a.send(conn, append(binary.BigEndian.AppendUint32(b, 80877102), key...))
}

func (a *abuse) endsAtPassword(i int) error {
	conn, err := a.dial()
	if err != nil {
		return err
	}
	body := append(binary.BigEndian.AppendUint32(nil, 3<<16), "user\x00postgres\x00database\x00metadb\x00application_name\x00abuse\x00\x00"...)
	if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(4+len(body))), body...)); err != nil {
		return err
	}
	if _, err := bufio.NewReader(conn).ReadByte(); err != nil {
		return err
	}
	if i%2 == 0 {
		return a.send(conn, append([]byte{'p', 0, 0, 1, 0}, noise(i, 252)...))
	}
	return conn.Close()
}
