package pgwire

import (
	"io"
	"net"
	"time"
)

// Sizes of a direction's buffer. It begins small, since most sessions idle, has its usual size
// once a read has filled it, is large while much comes (pump.bulk), and larger only for a
// message that must be seen whole, with the bytes that really arrive.
const (
	firstSize  = 4 << 10
	bufferSize = 16 << 10
	bulkSize   = 256 << 10
)

// stream cuts the bytes of one direction into messages.
type stream struct {
	src io.Reader
	buf []byte
	// buf[pos:end] was read and not yet used.
	pos, end int
	last     int  // bytes that the last read brought
	filled   bool // by a read: the next buffer is to be of bufferSize
	large    bool // the next buffer is to be of bulkSize
	// gather lets more of much come; nil where to wait would bring no more.
	gather func()
}

func newStream(src io.Reader) *stream {
	return &stream{src: src, buf: make([]byte, firstSize), gather: gathering(src)}
}

// gathering is how to let more come from a source. In TCP bytes gather, more than a
// pump takes at once. A Unix socket holds its sender up before that, and of TLS each read
// gives one record, of 16 KB at most, however much has come.
func gathering(src io.Reader) func() {
	conn, ok := src.(net.Conn)
	if !ok || isEncrypted(conn) || conn.RemoteAddr().Network() != "tcp" {
		return nil
	}
	return func() { time.Sleep(bulkWait) } //nolint:forbidigo // there is no condition: how much is to come nobody knows
}

func (s *stream) unread() []byte { return s.buf[s.pos:s.end] }

// fill reads once, to get nearer to having need unread bytes. What was used is
// given up.
func (s *stream) fill(need int) error {
	unread := s.end - s.pos
	usual := s.usual()
	switch {
	case len(s.buf) > usual && unread <= usual/2 && need <= usual, len(s.buf) < usual:
		other := make([]byte, usual)
		copy(other, s.unread())
		s.buf = other
	case unread == len(s.buf):
		grown := make([]byte, min(2*len(s.buf), max(need, len(s.buf)+1)))
		copy(grown, s.unread())
		s.buf = grown
	default:
		copy(s.buf, s.unread())
	}
	s.pos, s.end = 0, unread
	n, err := s.src.Read(s.buf[s.end:])
	s.last = n
	s.filled = s.filled || s.end+n == len(s.buf)
	if s.end += n; n > 0 {
		return nil // an error that lasts comes again
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// usual is the size of a buffer that need not hold a larger message.
func (s *stream) usual() int {
	switch {
	case s.large:
		return bulkSize
	case s.filled:
		return bufferSize
	}
	return firstSize
}

// message reads one whole message of at most limit bytes. The bytes are good
// until the next call.
func (s *stream) message(limit int) (kind byte, message []byte, err error) {
	for len(s.unread()) < headerLength {
		if err := s.fill(headerLength); err != nil {
			return 0, nil, err
		}
	}
	kind, size, err := header(s.unread())
	if err != nil {
		return 0, nil, err
	}
	if size > limit {
		return 0, nil, errLength
	}
	for len(s.unread()) < headerLength+size {
		if err := s.fill(headerLength + size); err != nil {
			return 0, nil, err
		}
	}
	message = s.unread()[:headerLength+size]
	s.pos += len(message)
	return kind, message, nil
}
