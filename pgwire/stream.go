package pgwire

import "io"

// bufferSize is what a direction's buffer has to begin with. It grows only for
// a message that must be seen whole, with the bytes that really arrive.
const bufferSize = 16 << 10

// stream cuts the bytes of one direction into messages.
type stream struct {
	src io.Reader
	buf []byte
	// buf[pos:end] was read and not yet used.
	pos, end int
}

func newStream(src io.Reader) *stream {
	return &stream{src: src, buf: make([]byte, bufferSize)}
}

func (s *stream) unread() []byte { return s.buf[s.pos:s.end] }

// fill reads once, to get nearer to having need unread bytes. What was used is
// given up.
func (s *stream) fill(need int) error {
	unread := s.end - s.pos
	switch {
	case len(s.buf) > bufferSize && unread <= bufferSize/2 && need <= bufferSize:
		small := make([]byte, bufferSize)
		copy(small, s.unread())
		s.buf = small
	case unread == len(s.buf):
		grown := make([]byte, min(2*len(s.buf), max(need, len(s.buf)+1)))
		copy(grown, s.unread())
		s.buf = grown
	default:
		copy(s.buf, s.unread())
	}
	s.pos, s.end = 0, unread
	n, err := s.src.Read(s.buf[s.end:])
	s.end += n
	if n > 0 {
		return nil // an error that lasts comes again
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
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
