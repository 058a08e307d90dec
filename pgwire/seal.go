package pgwire

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// sealBind encrypts the parameters of a Bind that are secrets. It returns nil for a
// message that is not well formed, which the backend refuses. A value is text, whose
// binary form is the same.
func sealBind(body []byte, own *Rewriting, encoding string) (instead []byte) {
	at := 0
	number := func() (n int, ok bool) {
		if len(body)-at < 2 {
			return 0, false
		}
		n = int(binary.BigEndian.Uint16(body[at:]))
		at += 2
		return n, true
	}
	for range 2 { // names
		n := bytes.IndexByte(body[at:], 0)
		if n < 0 {
			return nil
		}
		at += n + 1
	}
	formats, ok := number()
	if at += 2 * formats; !ok || at > len(body) {
		return nil
	}
	values, ok := number()
	if !ok {
		return nil
	}
	sealed, done := [][]byte{}, 0
	for i := 1; i <= values; i++ {
		if len(body)-at < 4 {
			return nil
		}
		size := int(int32(binary.BigEndian.Uint32(body[at:])))
		at += 4
		if size < 0 {
			continue
		}
		if size > len(body)-at {
			return nil
		}
		if value := body[at : at+size]; slices.Contains(own.Sealed, i) && (encoding == "UTF8" || isASCII(value)) {
			secret := own.Seal(string(value))
			sealed = append(sealed, body[done:at-4], binary.BigEndian.AppendUint32(nil, uint32(len(secret))), []byte(secret))
			done = at + size
		}
		at += size
	}
	return newMessage('B', append(sealed, body[done:])...)
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
