package pgwire

import (
	"io"
	"time"
)

// Rows and the data of a COPY come in small pieces, PostgreSQL's of 8 KB. Once so much
// of it has come as to be bulk, a read that brought little waits for more to come: each
// costs two calls of the system, and the wait only delays an end that comes after much.
const (
	bulkAfter = 512 << 10
	bulkWait  = time.Millisecond
)

// inspector is told of the messages of one direction, in order, before any byte
// of them is passed on.
type inspector interface {
	// look is how many bytes of a message's body must be shown. It may be asked
	// several times for one message.
	look(kind byte, size int) int
	// see is shown them, once for each message. If they are the whole body it
	// may return a message to send in its place.
	see(kind byte, head []byte, whole bool) (instead []byte, err error)
}

// pump passes one direction's messages on. Bytes that need no change are
// written from the buffer they were read into.
type pump struct {
	*stream
	dst    io.Writer
	target inspector
	// idle is called when all that can be is written, before the next read and
	// with the error of one that failed; by returning none it lets the pump go
	// on. At a boundary what was written ends with a whole message.
	idle func(boundary bool, read error) error

	// rows says that messages of type D are rows; those of type d are always data.
	rows bool

	sent int // buf[sent:pos] is to be written
	skip int // bytes of the present message's body that are yet to pass
	bulk int // bytes of rows or data that have passed without another message
}

// data says that messages of a type hold rows, or the data of a COPY.
func (p *pump) data(kind byte) bool { return kind == 'd' || kind == 'D' && p.rows }

// await lets more come, where that is of use.
func (p *pump) await() {
	p.large = p.bulk >= bulkAfter
	if p.large && p.last < bulkSize/2 && p.gather != nil {
		p.gather()
	}
}

// run passes messages on until one side ends or fails.
func (p *pump) run() error {
	for {
		need, err := p.walk()
		if err != nil {
			return err
		}
		if err := p.flush(); err != nil {
			return err
		}
		boundary := p.skip == 0 // of what was written; the rest may be dropped
		if err := p.idle(boundary, nil); err != nil {
			return err
		}
		p.await()
		// Everything before pos is written, so that the buffer may move.
		err = p.fill(need)
		p.sent = p.pos
		if err != nil {
			if err := p.idle(boundary, err); err != nil {
				return err
			}
		}
	}
}

// walk goes through what was read, and says how many bytes it must have to go
// on. At an error nothing more is to be written.
func (p *pump) walk() (need int, err error) {
	for {
		n := min(p.skip, len(p.unread()))
		p.pos += n
		p.skip -= n
		if p.skip > 0 {
			return 1, nil
		}
		if len(p.unread()) < headerLength {
			return headerLength, nil
		}
		kind, size, err := header(p.unread())
		if err != nil {
			return 0, err
		}
		if p.data(kind) {
			p.bulk += headerLength + size
			p.pos += headerLength
			p.skip = size
			continue
		}
		p.bulk = 0
		shown := p.target.look(kind, size)
		if len(p.unread()) < headerLength+shown {
			return headerLength + shown, nil
		}
		instead, err := p.target.see(kind, p.unread()[headerLength:headerLength+shown], shown == size)
		if err != nil {
			return 0, err
		}
		if instead == nil {
			p.pos += headerLength
			p.skip = size
			continue
		}
		if err := p.flush(); err != nil {
			return 0, err
		}
		if _, err := p.dst.Write(instead); err != nil {
			return 0, err
		}
		p.pos += headerLength + size
		p.sent = p.pos
	}
}

func (p *pump) flush() error {
	if p.sent == p.pos {
		return nil
	}
	_, err := p.dst.Write(p.buf[p.sent:p.pos])
	p.sent = p.pos
	return err
}
