package change

import "encoding/binary"

// Tuple is a row: for each column of its Shape, in order, a big-endian int32
// length and that many bytes of the value in PostgreSQL's binary form (what the
// type's send function writes; jsonb with its version byte). Length -1 is NULL.
// Length -2 is a value the source did not send (an unchanged TOASTed column).
//
// This is the layout of a COPY BINARY row and of a DataRow message behind the
// field count, so a stored row and an event's row compare with bytes.Equal.
type Tuple []byte

// Lengths that stand for the absence of a value.
const (
	Null        = -1
	Unavailable = -2
)

// Next splits off the first field. n is its length, Null or Unavailable; value
// is nil for those. It must not be called on an empty tuple.
func (t Tuple) Next() (value []byte, n int32, rest Tuple) {
	n = int32(binary.BigEndian.Uint32(t))
	if n < 0 {
		return nil, n, t[4:]
	}
	return t[4 : 4+n], n, t[4+n:]
}

// AppendField appends one value, which may be empty but not NULL.
func AppendField(t Tuple, value []byte) Tuple {
	t = binary.BigEndian.AppendUint32(t, uint32(len(value)))
	return append(t, value...)
}

// AppendNull appends a NULL.
func AppendNull(t Tuple) Tuple { return append(t, 0xff, 0xff, 0xff, 0xff) }

// AppendUnavailable appends the mark of a value that was not sent.
func AppendUnavailable(t Tuple) Tuple { return append(t, 0xff, 0xff, 0xff, 0xfe) }
