package debezium

import (
	"bytes"
	"encoding/base64"
)

// maxBits is the longest bit string that PostgreSQL can declare.
const maxBits = 83886080

// unknownLength stands for the length of a bit varying without limit: its values
// get the length of the bytes that came.
const unknownLength = -1

var strict = base64.StdEncoding.Strict()

// appendBase64 appends the bytes that s encodes. Line breaks, missing padding
// and stray bits at the end are refused.
func appendBase64(dst, s []byte) ([]byte, Rule) {
	if len(s)%4 != 0 || bytes.IndexByte(s, '\n') >= 0 || bytes.IndexByte(s, '\r') >= 0 {
		return dst, RuleFormat
	}
	n := len(dst)
	if need := n + len(s)/4*3; cap(dst) < need {
		grown := make([]byte, n, need+need/4)
		copy(grown, dst)
		dst = grown
	}
	m, err := strict.Decode(dst[n:cap(dst)], s)
	if err != nil {
		return dst[:n], RuleFormat
	}
	return dst[:n+m], ""
}

// appendUUID appends the 16 bytes of a uuid in its usual 36 characters.
func appendUUID(dst, s []byte) ([]byte, Rule) {
	if len(s) != 36 {
		return dst, RuleFormat
	}
	from := len(dst)
	for i := 0; i < 36; {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return dst[:from], RuleFormat
			}
			i++
			continue
		}
		h, l := hexDigit(s[i]), hexDigit(s[i+1])
		if h > 15 || l > 15 {
			return dst[:from], RuleFormat
		}
		dst = append(dst, h<<4|l)
		i += 2
	}
	return dst, ""
}

// hexDigit is the value of a hexadecimal digit, above 15 if it is none.
func hexDigit(c byte) byte {
	switch {
	case c-'0' <= 9:
		return c - '0'
	case c-'a' <= 5:
		return c - 'a' + 10
	case c-'A' <= 5:
		return c - 'A' + 10
	}
	return 0xff
}

// appendBits appends the 0 and 1 of a bit string. b is its number, lowest byte
// first, without zero bytes at the end.
func appendBits(dst, b []byte, length int) ([]byte, Rule) {
	if length == unknownLength {
		length = len(b) * 8
	}
	for i, c := range b {
		room := length - i*8
		if room < 8 && (room <= 0 && c != 0 || room > 0 && c>>room != 0) {
			return dst, RuleRange
		}
	}
	for i := length - 1; i >= 0; i-- {
		bit := byte('0')
		if i/8 < len(b) {
			bit += b[i/8] >> (i % 8) & 1
		}
		dst = append(dst, bit)
	}
	return dst, ""
}
