package parser

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// quote makes the string constant that stands for s in generated SQL. It is the
// only function that puts a client's text there. The E form means the same
// whatever standard_conforming_strings is.
func quote(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 4)
	b.WriteString("E'")
	for i := range len(s) {
		if s[i] == '\'' || s[i] == '\\' {
			b.WriteByte(s[i])
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('\'')
	return b.String()
}

// textArray makes a text array of expressions. Parameters among them become text
// by the cast.
func textArray(expressions []string) string {
	return "ARRAY[" + strings.Join(expressions, ",") + "]::text[]"
}

// flag makes a routine's last argument, which is false unless it is given.
func flag(set bool) string {
	if set {
		return ", true"
	}
	return ""
}

// literalValue is the value of a string constant in one of its three forms, or
// what is wrong with it.
func literalValue(source string, isUTF8 bool) (value, problem string) {
	switch source[0] {
	case '$':
		tag := strings.IndexByte(source[1:], '$') + 2
		return source[tag : len(source)-tag], ""
	case '\'':
		return joinParts(source), ""
	default: // E'…'
		return unescape(joinEscaped(source[1:]), isUTF8)
	}
}

// joinParts strips the quotes of a plain constant, which may go on in further
// parts behind line breaks, and undoubles those within.
func joinParts(source string) string {
	var b strings.Builder
	inside := false
	for i := 0; i < len(source); i++ {
		switch {
		case source[i] != '\'':
			if inside {
				b.WriteByte(source[i])
			}
		case inside && i+1 < len(source) && source[i+1] == '\'':
			b.WriteByte('\'')
			i++
		default:
			inside = !inside
		}
	}
	return b.String()
}

// joinEscaped is joinParts for the E form: a backslash keeps what follows it.
func joinEscaped(source string) string {
	var b strings.Builder
	inside := false
	for i := 0; i < len(source); i++ {
		switch c := source[i]; {
		case inside && c == '\\' && i+1 < len(source):
			b.WriteString(source[i : i+2])
			i++
		case c != '\'':
			if inside {
				b.WriteByte(c)
			}
		case inside && i+1 < len(source) && source[i+1] == '\'':
			b.WriteByte('\'')
			i++
		default:
			inside = !inside
		}
	}
	return b.String()
}

// simpleEscapes are the escapes of one letter.
var simpleEscapes = map[byte]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescape reads the escapes of the E form.
func unescape(s string, isUTF8 bool) (value, problem string) {
	var b strings.Builder
	high := false // a byte above ASCII was given by number
	for i := 0; i < len(s); {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			i++
			continue
		}
		c := s[i+1]
		i += 2
		switch {
		case c == 'u' || c == 'U':
			r, n := unicodeEscape(s[i-2:])
			if n == 0 {
				return "", "invalid Unicode escape"
			}
			if r >= utf8.RuneSelf && !isUTF8 {
				return "", "Unicode escape value cannot be used when the client encoding is not UTF8"
			}
			b.WriteRune(r)
			i += n - 2
		case '0' <= c && c <= '7':
			n := digits(s[i-1:], 3, 8)
			v, _ := strconv.ParseUint(s[i-1:i-1+n], 8, 16)
			b.WriteByte(byte(v)) // \400 and above wrap, as in PostgreSQL
			i += n - 1
			high = high || v&0x80 != 0
		case c == 'x' && digits(s[i:], 2, 16) > 0:
			n := digits(s[i:], 2, 16)
			v, _ := strconv.ParseUint(s[i:i+n], 16, 8)
			b.WriteByte(byte(v))
			i += n
			high = high || v&0x80 != 0
		case simpleEscapes[c] != 0:
			b.WriteByte(simpleEscapes[c])
		default:
			b.WriteByte(c)
		}
	}
	value = b.String()
	if strings.IndexByte(value, 0) >= 0 || high && (!isUTF8 || !utf8.ValidString(value)) {
		return "", "invalid byte sequence in an escape string"
	}
	return value, ""
}

// unicodeEscape reads \uXXXX or \UXXXXXXXX, or two of them that are a surrogate
// pair, and says how long they are; 0 if they are wrong.
func unicodeEscape(s string) (r rune, length int) {
	r, n := oneUnicode(s)
	if n == 0 || !utf16.IsSurrogate(r) {
		if n == 0 || !utf8.ValidRune(r) {
			return 0, 0
		}
		return r, n
	}
	low, m := oneUnicode(s[n:])
	if r = utf16.DecodeRune(r, low); m == 0 || r == utf8.RuneError {
		return 0, 0
	}
	return r, n + m
}

func oneUnicode(s string) (r rune, length int) {
	if len(s) < 2 || s[0] != '\\' {
		return 0, 0
	}
	width := map[byte]int{'u': 4, 'U': 8}[s[1]]
	if width == 0 || digits(s[2:], width, 16) < width {
		return 0, 0
	}
	v, err := strconv.ParseUint(s[2:2+width], 16, 31)
	if err != nil {
		return 0, 0
	}
	return rune(v), 2 + width
}

// digits is how many of the first limit bytes are digits of the base.
func digits(s string, limit, base int) int {
	n := 0
	for n < limit && n < len(s) {
		if _, err := strconv.ParseUint(s[n:n+1], base, 8); err != nil {
			break
		}
		n++
	}
	return n
}
