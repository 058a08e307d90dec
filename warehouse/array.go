package warehouse

import (
	"encoding/binary"

	"metadb/change"
)

// array builds a one-dimensional array in binary form: int32 dimensions, int32
// flag for NULLs, uint32 element type, int32 length, int32 lower bound, elements
// as length and bytes.
type array struct {
	b []byte
	n int
}

const arrayHeader = 20

func newArray(elem uint32, room int) *array {
	a := &array{b: make([]byte, arrayHeader, arrayHeader+room)}
	binary.BigEndian.PutUint32(a.b[0:], 1)
	binary.BigEndian.PutUint32(a.b[8:], elem)
	binary.BigEndian.PutUint32(a.b[16:], 1)
	return a
}

// add appends an element; a nil value is NULL.
func (a *array) add(v []byte) {
	a.n++
	if v == nil {
		a.b[7] = 1
		a.b = change.AppendNull(a.b)
		return
	}
	a.b = change.AppendField(a.b, v)
}

func (a *array) addInt64(v int64) {
	a.n++
	a.b = append(a.b, 0, 0, 0, 8)
	a.b = binary.BigEndian.AppendUint64(a.b, uint64(v))
}

func (a *array) bytes() []byte {
	if a.n == 0 {
		binary.BigEndian.PutUint32(a.b[0:], 0)
		return a.b[:12]
	}
	binary.BigEndian.PutUint32(a.b[12:], uint32(a.n))
	return a.b
}

func int64Array(values []int64) []byte {
	a := newArray(change.Int8.OID(), 12*len(values))
	for _, v := range values {
		a.addInt64(v)
	}
	return a.bytes()
}

func timeArray(micros []int64) []byte {
	a := newArray(change.TimestampTZ.OID(), 12*len(micros))
	for _, v := range micros {
		a.addInt64(v)
	}
	return a.bytes()
}

func int32Array(values []int32) []byte {
	a := newArray(change.Int4.OID(), 8*len(values))
	for _, v := range values {
		a.add(int32Bytes(v))
	}
	return a.bytes()
}

func int32Bytes(v int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(v)) }
func int64Bytes(v int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }
