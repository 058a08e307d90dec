package debezium

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// unescaped is the byte that an escape letter stands for.
var unescaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// appendText appends the characters of a scanned string. What PostgreSQL cannot
// store becomes U+FFFD and repaired is true. dirty says that the record holds
// invalid UTF-8 somewhere.
func appendText(dst, s []byte, k kind, dirty bool) (out []byte, repaired bool) {
	if dirty && !utf8.Valid(s) {
		return appendRepaired(dst, s, true)
	}
	switch k {
	case strU:
		return appendRepaired(dst, s, true)
	case strEsc, strDoc:
		return appendUnescaped(dst, s), false
	default:
		return append(dst, s...), false
	}
}

// appendName appends a member name. A NUL stays, so that it meets no column.
func appendName(dst, s []byte) []byte {
	dst, _ = appendRepaired(dst, s, false)
	return dst
}

// appendUnescaped resolves escapes other than \u, eight bytes at a time.
func appendUnescaped(dst, s []byte) []byte {
	n := len(dst)
	if cap(dst)-n < len(s)+8 {
		grown := make([]byte, n, n+len(s)+8+len(s)/8)
		copy(grown, dst)
		dst = grown
	}
	out := dst[:cap(dst)]
	i := 0
	for i+8 <= len(s) {
		w := binary.LittleEndian.Uint64(s[i:])
		binary.LittleEndian.PutUint64(out[n:], w)
		e := w ^ ones*'\\'
		e = (e - ones) &^ e & highs
		if e == 0 {
			i, n = i+8, n+8
			continue
		}
		run := bits.TrailingZeros64(e) >> 3
		n += run
		i += run
		out[n] = unescaped[s[i+1]]
		i, n = i+2, n+1
	}
	for i < len(s) {
		c := s[i]
		if c == '\\' {
			i++
			c = unescaped[s[i]]
		}
		out[n] = c
		i, n = i+1, n+1
	}
	return dst[:n]
}

// appendRepaired resolves all escapes and replaces what cannot be stored:
// invalid UTF-8, lone surrogates and, if nul is set, U+0000.
func appendRepaired(dst, s []byte, nul bool) (out []byte, repaired bool) {
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '\\' && s[i+1] == 'u':
			r, n := escapedRune(s[i:])
			if r < 0 || r == 0 && nul {
				r, repaired = utf8.RuneError, true
			}
			dst = utf8.AppendRune(dst, r)
			i += n
		case c == '\\':
			dst = append(dst, unescaped[s[i+1]])
			i += 2
		case c < utf8.RuneSelf:
			dst = append(dst, c)
			i++
		default:
			r, n := utf8.DecodeRune(s[i:])
			if r == utf8.RuneError && n == 1 {
				repaired = true
			}
			dst = utf8.AppendRune(dst, r)
			i += n
		}
	}
	return dst, repaired
}

// escapedRune is the character of the \uXXXX at the start of s, or of the pair
// of them, and its length in s. A lone surrogate is -1.
func escapedRune(s []byte) (r rune, n int) {
	r = hex4(s[2:])
	if r < 0xd800 || r > 0xdfff {
		return r, 6
	}
	if r < 0xdc00 && len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		if low := hex4(s[8:]); low >= 0xdc00 && low <= 0xdfff {
			return 0x10000 + (r-0xd800)<<10 + (low - 0xdc00), 12
		}
	}
	return -1, 6
}

// repairDocument replaces, in place, the escapes inside a JSON document that
// jsonb refuses: \u0000 and lone surrogates.
func repairDocument(doc []byte) (repaired bool) {
	for i := 0; ; {
		n := bytes.IndexByte(doc[i:], '\\')
		if n < 0 || i+n+1 >= len(doc) {
			return repaired
		}
		i += n
		if doc[i+1] != 'u' {
			i += 2
			continue
		}
		if hex4(doc[i+2:]) < 0 { // not JSON: the warehouse refuses it
			i += 2
			continue
		}
		r, size := escapedRune(doc[i:])
		if r <= 0 {
			copy(doc[i:], `\ufffd`)
			repaired = true
		}
		i += size
	}
}
