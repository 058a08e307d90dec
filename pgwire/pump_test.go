package pgwire

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// echo shows every message whole up to a limit, keeps what it saw, and makes
// every message of type 'x' one of type 'y' with its body twice.
type echo struct {
	limit int
	seen  []string
}

func (e *echo) look(_ byte, size int) int { return min(size, e.limit) }

func (e *echo) see(kind byte, head []byte, whole bool) ([]byte, error) {
	e.seen = append(e.seen, string(kind)+string(head))
	if kind == 'x' && whole {
		return newMessage('y', head, head), nil
	}
	return nil, nil
}

// pumped is what a pump makes of a stream.
func pumped(src io.Reader, target inspector) (string, error) {
	var out bytes.Buffer
	p := pump{stream: newStream(src), dst: &out, target: target, idle: func(_ bool, read error) error { return read }}
	err := p.run()
	return out.String(), err
}

// chunks reads in pieces of random length.
type chunks struct {
	io.Reader
	random *rand.Rand
}

func (c chunks) Read(b []byte) (int, error) {
	return c.Reader.Read(b[:1+c.random.IntN(len(b))])
}

func TestPumpKeepsBytes(t *testing.T) {
	t.Parallel()
	var in, want bytes.Buffer
	var seen []string
	for i, body := range []string{
		"", "a", strings.Repeat("b", bufferSize-5), strings.Repeat("c", bufferSize), "d",
		strings.Repeat("e", 3*bufferSize+1), "", strings.Repeat("f", bufferSize-4), "g",
	} {
		kind := byte('x')
		if i%2 == 0 {
			kind = 'z'
		}
		m := newMessage(kind, []byte(body))
		in.Write(m)
		seen = append(seen, string(kind)+body)
		if kind == 'x' {
			m = newMessage('y', []byte(body), []byte(body))
		}
		want.Write(m)
	}
	readers := map[string]func(io.Reader) io.Reader{
		"at once":     func(r io.Reader) io.Reader { return r },
		"by bytes":    iotest.OneByteReader,
		"by halves":   iotest.HalfReader,
		"with errors": iotest.DataErrReader,
		"by chunks": func(r io.Reader) io.Reader {
			return chunks{r, rand.New(rand.NewPCG(1, 2))}
		},
	}
	for name, reader := range readers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := &echo{limit: maxMessage}
			got, err := pumped(reader(bytes.NewReader(in.Bytes())), all)
			if !errors.Is(err, io.EOF) || got != want.String() {
				t.Errorf("got %d bytes, want %d; %v", len(got), want.Len(), err)
			}
			if strings.Join(all.seen, "|") != strings.Join(seen, "|") {
				t.Error("messages not seen as they are")
			}
			none := &echo{}
			got, err = pumped(reader(bytes.NewReader(in.Bytes())), none)
			// An empty body is whole even if nothing is looked at.
			if !errors.Is(err, io.EOF) || got != in.String() && !strings.Contains(got, "y") {
				t.Errorf("unseen: got %d bytes, want %d; %v", len(got), in.Len(), err)
			}
			if len(none.seen) != len(seen) {
				t.Errorf("saw %d messages, want %d", len(none.seen), len(seen))
			}
		})
	}
}

func TestPumpRefusesLengths(t *testing.T) {
	t.Parallel()
	for _, n := range []uint32{0, 3, 1<<30 + 1, 1 << 31, 1<<32 - 1} {
		b := binary.BigEndian.AppendUint32([]byte{'Q'}, n)
		if got, err := pumped(bytes.NewReader(append(b, make([]byte, 100)...)), &echo{}); !errors.Is(err, errLength) || got != "" {
			t.Errorf("length %d: %v, %q", n, err, got)
		}
	}
}

// TestStreamDoesNotTrustLengths sends a header that promises much.
func TestStreamDoesNotTrustLengths(t *testing.T) {
	t.Parallel()
	s := newStream(strings.NewReader("Q\x00\xff\xff\xffabc"))
	if _, _, err := s.message(maxText); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
	if len(s.buf) != firstSize {
		t.Errorf("buffer of %d bytes for 8", len(s.buf))
	}
	s = newStream(bytes.NewReader(newMessage('Q', make([]byte, 5*bufferSize))))
	if _, m, err := s.message(maxText); err != nil || len(m) != 5+5*bufferSize {
		t.Errorf("got %d bytes, %v", len(m), err)
	}
	if err := s.fill(headerLength); !errors.Is(err, io.EOF) || len(s.buf) != bufferSize {
		t.Errorf("buffer stays at %d bytes, %v", len(s.buf), err)
	}
	if _, _, err := newStream(strings.NewReader("Q\x00\x00\x01\x00")).message(100); !errors.Is(err, errLength) {
		t.Errorf("above the limit: %v", err)
	}
}

// TestPumpGrowsForBulk passes little, much and little again: rows and data of a COPY
// have a large buffer from some amount on, until another message comes.
func TestPumpGrowsForBulk(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		kind  byte
		rows  bool
		large bool
	}{
		"copy data":   {'d', false, true},
		"rows":        {'D', true, true},
		"no rows":     {'D', false, false}, // a client's Describe
		"other kinds": {'N', true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			much := newMessage(test.kind, make([]byte, 8<<10))
			source := &pieces{}
			for sum := 0; sum < bulkAfter+bulkSize; sum += len(much) {
				source.list = append(source.list, much)
			}
			before := len(source.list)
			source.list = append(source.list, newMessage('Z', []byte("I")), newMessage('Z', []byte("I")))
			var out bytes.Buffer
			waits := 0
			p := pump{stream: newStream(source), dst: &out, target: &echo{}, rows: test.rows, idle: func(_ bool, read error) error { return read }}
			p.gather = func() { waits++ }
			if err := p.run(); !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if (waits > 0) != test.large || waits > before-bulkAfter/len(much) {
				t.Errorf("waited %d times for more, with %d pieces", waits, before)
			}
			if want := bytes.Join(source.list, nil); !bytes.Equal(out.Bytes(), want) {
				t.Errorf("%d bytes came out of %d", out.Len(), len(want))
			}
			for piece, want := range map[int]int{0: firstSize, 3: bufferSize, before + 1: bufferSize} {
				if got := source.room[piece]; got > want || got <= want/2 {
					t.Errorf("room for %d bytes at piece %d, want no more than %d and most of that", got, piece, want)
				}
			}
			if got := source.room[before-1]; (got > bufferSize) != test.large {
				t.Errorf("room for %d bytes after much", got)
			}
		})
	}
}

// pieces gives one piece, or what there is room for of it, with each read, and keeps for how
// much there was room at the beginning of each.
type pieces struct {
	list [][]byte
	room []int
	rest []byte // of the present one
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		if len(p.room) == len(p.list) {
			return 0, io.EOF
		}
		p.rest = p.list[len(p.room)]
		p.room = append(p.room, len(b))
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// TestGathering: more is waited for where it gathers, which it does in plain TCP alone. A
// COPY by TLS came to 6 MB/s when each record was waited for.
func TestGathering(t *testing.T) {
	t.Parallel()
	ends := func(network, address string) (client, server net.Conn) {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), network, address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		if client, err = (&net.Dialer{}).DialContext(t.Context(), network, l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		if server, err = l.Accept(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = client.Close(), server.Close() })
		return client, server
	}
	tcp, accepted := ends("tcp", "127.0.0.1:0")
	socket, acceptedThere := ends("unix", filepath.Join(t.TempDir(), "s"))
	for name, test := range map[string]struct {
		conn net.Conn
		want bool
	}{
		"TCP": {Lean(tcp), true}, "TCP, accepted": {Lean(accepted), true},
		"Unix socket": {Lean(socket), false}, "Unix socket, accepted": {Lean(acceptedThere), false},
		"TLS": {tls.Client(Lean(tcp), &tls.Config{}), false}, "TLS, accepted": {tls.Server(Lean(accepted), &tls.Config{}), false},
	} {
		if got := newStream(test.conn).gather != nil; got != test.want {
			t.Errorf("%s: waits %t, want %t", name, got, test.want)
		}
	}
}
