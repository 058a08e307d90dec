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
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"metadb/testsql/pgtest"
	"metadb/testsql/poll"
)

// memoryRoom is by how much the server's memory may be larger after the abuse: the
// garbage collector gives back late.
const memoryRoom = 48 << 20

// room is by how much the numbers of descriptors and goroutines may differ: the
// server's own pool of connections breathes.
const room = 8

// TestAbuse does to port 8550 what the internet does, and what unlucky clients
// do. Descriptors, threads of control and memory return to what they were, the
// server serves throughout, and its streaming part does not notice: a source is read
// beside it without a pause, a new run or an error.
func TestAbuse(t *testing.T) {
	t.Parallel()
	server, db := newInstance(t)
	cert := pgtest.NewCertificate(t)
	server.Configure("tls_certificate = "+cert.CertFile, "tls_key = "+cert.KeyFile)
	metrics := freeAddress(t)
	server.Flags = []string{"--http", metrics}
	server.Start()
	a := &abuse{t: t, metrics: metrics, address: net.JoinHostPort("127.0.0.1", strconv.Itoa(server.Port())), url: through(server.Port(), db)}

	watch := db.Conn(t)
	if _, err := watch.Exec(t.Context(), "CREATE TABLE big AS SELECT i, repeat('x', 1000) AS s FROM generate_series(1, 20000) i"); err != nil {
		t.Fatal(err)
	}
	alive := func() (n int) {
		if err := watch.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'abuse'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	source := a.stream(watch)
	a.each(20, a.openAndClose) // what is made at first use is part of the base
	a.until("backends are gone", func() bool { return alive() == 0 })
	before := a.measure()

	for name, step := range map[string]struct {
		times int
		do    func(int) error
	}{
		"open and close":         {500, a.openAndClose},
		"vanish":                 {100, a.vanish},
		"backend killed":         {20, a.killed},
		"garbage":                {200, a.garbage},
		"garbage in TLS":         {50, a.garbageInTLS},
		"garbage in a session":   {100, a.garbageInSession},
		"oversized":              {50, a.oversized},
		"slow start":             {100, a.slow},
		"reads nothing":          {10, a.readsNothing},
		"cancel requests":        {100, a.cancel},
		"ends at authentication": {100, a.endsAtPassword},
	} {
		begin := time.Now()
		a.each(step.times, step.do)
		t.Logf("%s: %d in %s", name, step.times, time.Since(begin).Round(time.Millisecond))
		if err := a.openAndClose(0); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
	source.unmoved()
	a.until("backends are gone", func() bool { return alive() == 0 })
	a.until("descriptors return to base", func() bool { return a.measure().files <= before.files+room })
	a.until("goroutines return to base", func() bool { return a.measure().goroutines <= before.goroutines+room })
	a.until("memory returns to base", func() bool { return a.measure().memory <= before.memory+memoryRoom })
	after := a.measure()
	t.Logf("before %+v, after %+v", before, after)
	for line := range strings.Lines(server.Log()) {
		if strings.Contains(line, "ERROR") || strings.Contains(line, "FATAL") || strings.Contains(line, "panick") || strings.Contains(line, "WARNING:  cannot follow") || strings.Contains(line, "stream interrupted") {
			t.Error(line)
		}
	}
}

// abuse is the server and what is known of it.
type abuse struct {
	t       *testing.T
	address string // of SQL
	metrics string // of HTTP
	url     string
}

// each does something several times, ten at once.
func (a *abuse) each(times int, do func(int) error) {
	a.t.Helper()
	var group sync.WaitGroup
	work := make(chan int)
	for range 10 {
		group.Go(func() {
			for i := range work {
				if err := do(i); err != nil {
					a.t.Errorf("%v", err)
				}
			}
		})
	}
	for i := range times {
		work <- i
	}
	close(work)
	group.Wait()
}

func (a *abuse) until(what string, holds func() bool) {
	a.t.Helper()
	if !poll.Until(a.t.Context(), 20*time.Millisecond, time.Minute, holds) {
		a.t.Fatalf("%s: it does not come to that; now %+v", what, a.measure())
	}
}

// freeAddress is one that nobody listens on now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// usage is what the server's process has.
type usage struct {
	files, goroutines int
	memory            int64
}

// measure reads the server's own metrics.
func (a *abuse) measure() (u usage) {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, "http://"+a.metrics+"/metrics", nil)
	if err != nil {
		a.t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	found := map[string]float64{}
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		var name string
		var value float64
		if _, err := fmt.Sscan(lines.Text(), &name, &value); err == nil {
			found[name] = value
		}
	}
	u = usage{files: int(found["process_open_fds"]), goroutines: int(found["go_goroutines"]), memory: int64(found["process_resident_memory_bytes"])}
	if u.files == 0 || u.goroutines == 0 || u.memory == 0 {
		a.t.Fatalf("no metrics: %v", found)
	}
	return u
}

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
	conn, err := a.session()
	if err != nil {
		return err
	}
	hijacked, err := conn.Hijack()
	if err != nil {
		return err
	}
	defer func() { _ = hijacked.Conn.Close() }()
	hijacked.Frontend.SendQuery(&pgproto3.Query{String: []string{"BEGIN", "SELECT * FROM big", "COPY big FROM STDIN", "SELECT pg_sleep(0.2)"}[i%4]})
	if err := hijacked.Frontend.Flush(); err != nil {
		return err
	}
	if i%4 < 3 {
		_, err = hijacked.Frontend.Receive()
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
	conn, err := a.session()
	if err != nil {
		return err
	}
	hijacked, err := conn.Hijack()
	if err != nil {
		return err
	}
	_ = hijacked.Conn.SetDeadline(time.Now().Add(answerTime))
	return a.send(hijacked.Conn, noise(i, 10000))
}

// oversized says that a message is larger than it may be, or than what comes.
func (a *abuse) oversized(i int) error {
	conn, err := a.session()
	if err != nil {
		return err
	}
	hijacked, err := conn.Hijack()
	if err != nil {
		return err
	}
	_ = hijacked.Conn.SetDeadline(time.Now().Add(answerTime))
	size := []uint32{0, 3, 1<<30 + 1, 1<<31 + 4, 1<<32 - 1, 1 << 29}[i%6]
	b := binary.BigEndian.AppendUint32([]byte{"QPBdE"[i%5]}, size)
	return a.send(hijacked.Conn, append(b, noise(i, 100_000)...))
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
	conn, err := a.session()
	if err != nil {
		return err
	}
	hijacked, err := conn.Hijack()
	if err != nil {
		return err
	}
	hijacked.Frontend.SendQuery(&pgproto3.Query{String: "SELECT * FROM big, generate_series(1, 100)"})
	if err := hijacked.Frontend.Flush(); err != nil {
		return err
	}
	if _, err := hijacked.Frontend.Receive(); err != nil {
		return err
	}
	return hijacked.Conn.Close()
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
