package pgwire

import "io"

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
}

func newStream(src io.Reader) *stream {
	return &stream{src: src, buf: make([]byte, firstSize)}
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
