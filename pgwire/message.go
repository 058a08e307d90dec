package pgwire

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// headerLength is the type byte and the length, which counts itself.
const headerLength = 5

// maxMessage is PostgreSQL's own limit.
const maxMessage = 1 << 30

var errLength = errors.New("message length out of range")

// header reads a message's type and the length of its body.
func header(b []byte) (kind byte, size int, err error) {
	n := binary.BigEndian.Uint32(b[1:])
	if n < 4 || n > maxMessage {
		return 0, 0, errLength
	}
	return b[0], int(n) - 4, nil
}

// newMessage makes a message of a body in pieces.
func newMessage(kind byte, pieces ...[]byte) []byte {
	size := 4
	for _, p := range pieces {
		size += len(p)
	}
	m := make([]byte, headerLength, 1+size)
	m[0] = kind
	binary.BigEndian.PutUint32(m[1:], uint32(size))
	for _, p := range pieces {
		m = append(m, p...)
	}
	return m
}

// cut takes a string up to its zero byte.
func cut(b []byte) (s string, rest []byte, ok bool) {
	before, rest, ok := bytes.Cut(b, []byte{0})
	return string(before), rest, ok
}

// terminated is the bytes of a string with its zero byte.
func terminated(s string) []byte {
	return append([]byte(s), 0)
}
