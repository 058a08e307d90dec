package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strconv"
)

// layout cuts values out of the generator's records by their fixed places. It
// parses no JSON, checks nothing and knows no other records.
type layout struct {
	row int // where the first value of the row stands, the same in every record
}

// record is what the floor needs of a record beside its columns.
type record struct {
	id     uint32
	micros int64 // of the change, since 2000
}

const (
	rowMark      = `"after":{"id":`
	sourceMark   = `"},"source":{"version":"3.1.3.Final","connector":"postgresql","name":"bench","ts_ms":`
	epochMicros  = 946_684_800_000_000 // 2000-01-01, µs since 1970
	epochDays    = 10_957              // the same in days
	columnFields = 10
)

var errNotGenerated = errors.New("not a record of the generator")

// find learns the layout from any record.
func (l *layout) find(value []byte) error {
	at := bytes.Index(value, []byte(rowMark))
	if at < 0 || !bytes.Contains(value, []byte(sourceMark)) {
		return errNotGenerated
	}
	l.row = at + len(rowMark)
	return nil
}

// appendColumns appends the ten values of a record's row as fields of a COPY row.
func (l *layout) appendColumns(dst, value []byte) ([]byte, record) {
	var r record
	b := value[l.row:]
	id, b := number(b)
	r.id = uint32(id)
	dst = appendInt4(dst, uint32(id))
	title, b := quoted(b[len(`,"title":"`):])
	dst = appendBytes(dst, title)
	code, b := quoted(b[len(`,"code":"`):])
	dst = appendBytes(dst, code)
	created, b := number(b[len(`,"created":`):])
	dst = appendInt8(dst, created-epochMicros)
	price, b := quoted(b[len(`,"price":"`):])
	dst = appendPrice(dst, price)
	b = b[len(`,"active":`):]
	active := byte(0)
	if b[0] == 't' {
		active = 1
	}
	dst = append(dst, 0, 0, 0, 1, active)
	token, b := quoted(b[bytes.IndexByte(b, ',')+len(`,"token":"`):])
	dst = appendUUID(dst, token)
	day, b := number(b[len(`,"day":`):])
	dst = appendInt4(dst, uint32(day-epochDays))
	quantity, b := number(b[len(`,"quantity":`):])
	dst = appendInt8(dst, quantity)
	note, b := quoted(b[len(`,"note":"`):])
	dst = appendBytes(dst, note)
	ms, _ := number(b[len(sourceMark)-1:])
	r.micros = ms*1000 - epochMicros
	return dst, r
}

// number reads digits.
func number(b []byte) (int64, []byte) {
	var n int64
	i := 0
	for ; b[i]-'0' <= 9; i++ {
		n = n*10 + int64(b[i]-'0')
	}
	return n, b[i:]
}

// quoted reads up to the closing quote and steps over it.
func quoted(b []byte) (text, rest []byte) {
	i := bytes.IndexByte(b, '"')
	return b[:i], b[i+1:]
}

func appendBytes(dst, v []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(v)))
	return append(dst, v...)
}

func appendInt4(dst []byte, v uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, 0, 0, 0, 4), v)
}

func appendInt8(dst []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, 0, 0, 0, 8), uint64(v))
}

func appendUUID(dst, text []byte) []byte {
	dst = append(dst, 0, 0, 0, 16)
	for _, part := range [...][]byte{text[:8], text[9:13], text[14:18], text[19:23], text[24:]} {
		dst, _ = hex.AppendDecode(dst, part) // the generator writes hexadecimal digits
	}
	return dst
}

// appendPrice turns the unscaled bytes of a decimal of two places, never below 0,
// into a numeric: groups of four digits without outer zeros.
func appendPrice(dst, text []byte) []byte {
	var raw [12]byte
	n, _ := base64.StdEncoding.Decode(raw[:], text) // the generator's own encoding
	var unscaled uint64
	for _, b := range raw[:n] {
		unscaled = unscaled<<8 | uint64(b)
	}
	var groups [6]uint16
	count, weight := 0, -1
	if whole := unscaled / 100; whole > 0 {
		digits := len(strconv.FormatUint(whole, 10))
		weight = (digits - 1) / 4
		for i := weight; i >= 0; i-- {
			groups[i] = uint16(whole % 10_000)
			whole /= 10_000
		}
		count = weight + 1
	}
	groups[count] = uint16(unscaled % 100 * 100)
	count++
	for count > 0 && groups[count-1] == 0 {
		count--
	}
	if count == 0 {
		weight = 0
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(8+2*count))
	dst = binary.BigEndian.AppendUint16(dst, uint16(count))
	dst = binary.BigEndian.AppendUint16(dst, uint16(weight))
	dst = append(dst, 0, 0, 0, 2) // positive, two places
	for _, g := range groups[:count] {
		dst = binary.BigEndian.AppendUint16(dst, g)
	}
	return dst
}
