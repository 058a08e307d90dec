package debezium

import (
	"encoding/binary"
	"math/bits"
)

// maxDepth is the deepest nesting of a record that is read.
const maxDepth = 1000

// kind is what stands at a span.
type kind uint8

const (
	absent    kind = iota
	null           // null
	falseLit       // false
	trueLit        // true
	number         // by the JSON grammar
	str            // string without escapes
	strEsc         // string with escapes, none of them \u
	strDoc         // the same, and \\u occurs: an escape of a document inside
	strU           // string with \u
	objectVal      // {…}
	arrayVal       // […]
)

// span is a value's place in the record. Of strings it is the inside of the
// quotes, still escaped.
type span struct {
	off, end uint32
	kind     kind
}

func (s span) of(b []byte) []byte { return b[s.off:s.end] }

func (s span) isString() bool { return s.kind >= str && s.kind <= strU }

// valueSpan is the span of a value scanned from i to end.
func valueSpan(i, end int, k kind) span {
	if k >= str && k <= strU {
		return span{uint32(i + 1), uint32(end - 1), k}
	}
	return span{uint32(i), uint32(end), k}
}

// blanks returns the index of the first byte at or after i that is not blank.
func blanks(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// scanValue returns the end of the value that starts at i, or -1 if there is no
// valid one. depth is the number of objects and arrays around it. Valid UTF-8
// is not asked for here.
func scanValue(b []byte, i, depth int) (end int, k kind) {
	if i >= len(b) {
		return -1, absent
	}
	switch b[i] {
	case '"':
		return scanString(b, i)
	case '{':
		return scanObject(b, i, depth+1), objectVal
	case '[':
		return scanArray(b, i, depth+1), arrayVal
	case 'n':
		return scanWord(b, i, "null"), null
	case 't':
		return scanWord(b, i, "true"), trueLit
	case 'f':
		return scanWord(b, i, "false"), falseLit
	}
	return scanNumber(b, i), number
}

func scanWord(b []byte, i int, word string) int {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return -1
	}
	return i + len(word)
}

func scanObject(b []byte, i, depth int) int {
	if depth > maxDepth {
		return -1
	}
	i = blanks(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		if i = scanName(b, i); i < 0 {
			return -1
		}
		if i, _ = scanValue(b, i, depth); i < 0 {
			return -1
		}
		i = blanks(b, i)
		if i >= len(b) {
			return -1
		}
		if b[i] == '}' {
			return i + 1
		}
		if b[i] != ',' {
			return -1
		}
		i = blanks(b, i+1)
	}
}

// scanName returns the place of the value behind the member name and colon at i.
func scanName(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return -1
	}
	i, _ = scanString(b, i)
	if i < 0 {
		return -1
	}
	i = blanks(b, i)
	if i >= len(b) || b[i] != ':' {
		return -1
	}
	return blanks(b, i+1)
}

func scanArray(b []byte, i, depth int) int {
	if depth > maxDepth {
		return -1
	}
	i = blanks(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i, _ = scanValue(b, i, depth); i < 0 {
			return -1
		}
		i = blanks(b, i)
		if i >= len(b) {
			return -1
		}
		if b[i] == ']' {
			return i + 1
		}
		if b[i] != ',' {
			return -1
		}
		i = blanks(b, i+1)
	}
}

func scanNumber(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch {
	case i >= len(b):
		return -1
	case b[i] == '0':
		i++
	case b[i] >= '1' && b[i] <= '9':
		i = digits(b, i+1)
	default:
		return -1
	}
	if i < len(b) && b[i] == '.' {
		from := i + 1
		if i = digits(b, from); i == from {
			return -1
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		from := i
		if i = digits(b, from); i == from {
			return -1
		}
	}
	return i
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special marks the bytes of w that end a plain run of a string: a quote, a
// backslash, a control character. The lowest mark is exact, those above it may
// be false.
func special(w uint64) uint64 {
	q := w ^ ones*'"'
	e := w ^ ones*'\\'
	return ((w-ones*' ')&^w | (q-ones)&^q | (e-ones)&^e) & highs
}

// scanString returns the end of the string whose opening quote stands at i.
func scanString(b []byte, i int) (end int, k kind) {
	k = str
	i++
	for {
		// One word first: in documents the next special byte is near.
		if i+8 > len(b) {
			i = plainRun(b, i)
		} else if m := special(binary.LittleEndian.Uint64(b[i:])); m != 0 {
			i += bits.TrailingZeros64(m) >> 3
		} else {
			i = plainRun(b, i+8)
		}
		if i >= len(b) {
			return -1, absent
		}
		switch b[i] {
		case '"':
			return i + 1, k
		case '\\':
			if i+1 >= len(b) {
				return -1, absent
			}
			e := b[i+1]
			if unescaped[e] == 0 {
				if e != 'u' || i+6 > len(b) || hex4(b[i+2:]) < 0 {
					return -1, absent
				}
				k = strU
				i += 6
				continue
			}
			if e == '\\' && i+2 < len(b) && b[i+2] == 'u' && k != strU {
				k = strDoc
			}
			if k == str {
				k = strEsc
			}
			i += 2
		default: // a control character
			return -1, absent
		}
	}
}

// plainRun returns the index of the next special byte at or after i, or len(b).
func plainRun(b []byte, i int) int {
	for i+16 <= len(b) {
		lo := special(binary.LittleEndian.Uint64(b[i:]))
		hi := special(binary.LittleEndian.Uint64(b[i+8:]))
		if lo|hi == 0 {
			i += 16
			continue
		}
		if lo != 0 {
			return i + bits.TrailingZeros64(lo)>>3
		}
		return i + 8 + bits.TrailingZeros64(hi)>>3
	}
	for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// hex4 is the value of four hexadecimal digits, or -1.
func hex4(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c-'a' <= 5:
			c -= 'a' - 10
		case c-'A' <= 5:
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
