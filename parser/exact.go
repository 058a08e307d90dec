package parser

import "strings"

// What is here decides whether our reading of a text is the backend's. Each
// rule exists because breaking it lets the contents of a literal act as a
// statement.

// maxScan is the longest message that is scanned; a token costs some hundred
// bytes in passing, and a message may be all one-byte tokens.
const maxScan = 1 << 20

// maxWork bounds the scanner's work on runs of operator characters, see
// boundedWork. It is some tens of milliseconds.
const maxWork = 1 << 23

// operators are the characters that may follow one another in an operator.
const operators = "~!@#^&|`?+-*/%<>="

// boundedWork says that scanning the text takes time in proportion to its
// length. PostgreSQL's scanner reads a run of operator characters to its end,
// and in two cases puts back all but the first: at a + or - that may not end an
// operator, and at the /* that opens a comment. A run of many of these costs the
// square of its length, hours for a megabyte, in C code that nothing can stop.
func boundedWork(message string) bool {
	if len(message) > maxScan {
		return false
	}
	work := 0
	for i := 0; i < len(message); i++ {
		if strings.IndexByte(operators, message[i]) < 0 {
			continue
		}
		start, restarts := i, 1
		for ; i < len(message) && strings.IndexByte(operators, message[i]) >= 0; i++ {
			if message[i] == '+' || message[i] == '*' && i > start && message[i-1] == '/' {
				restarts++
			}
		}
		if work += (i - start) * restarts; work > maxWork {
			return false
		}
	}
	return true
}

// singleByte are the encodings in which every byte is a character.
var singleByte = map[string]bool{
	"LATIN1": true, "LATIN2": true, "LATIN3": true, "LATIN4": true, "LATIN5": true,
	"LATIN6": true, "LATIN7": true, "LATIN8": true, "LATIN9": true, "LATIN10": true,
	"WIN1250": true, "WIN1251": true, "WIN1252": true, "WIN1253": true, "WIN1254": true,
	"WIN1255": true, "WIN1256": true, "WIN1257": true, "WIN1258": true, "WIN866": true,
	"WIN874": true, "KOI8R": true, "KOI8U": true,
	"ISO_8859_5": true, "ISO_8859_6": true, "ISO_8859_7": true, "ISO_8859_8": true,
}

func isUTF8(s Settings) bool { return s.Settled && s.ClientEncoding == "UTF8" }

// safeEncoding says that no byte of the text can be the second half of a
// character, which in some encodings may look like a quote's backslash.
func safeEncoding(message string, s Settings) bool {
	known := s.ClientEncoding == "UTF8" || s.ClientEncoding == "SQL_ASCII" || singleByte[s.ClientEncoding]
	wide := false
	for i := range len(message) {
		wide = wide || message[i] >= 0x80
	}
	return !wide || s.Settled && known
}

// certainty says whether the tokens are the ones that the backend will see.
type certainty uint8

const (
	certain   certainty = iota
	backslash           // a plain literal holds one, and may mean two things
	continued           // a literal may go on in the next
)

// exact says whether the tokens are the ones the backend will see.
//
// With standard_conforming_strings off a backslash in a plain literal escapes
// what follows, so such a literal is certain only when the setting is known to
// be on. Up to the first such literal both readings agree.
//
// Two literals with only comments between them are one literal to PostgreSQL if
// the comments are of the right form, and the second then follows the escape
// rules of the first; the scanner, made to report comments, takes them for two.
func exact(message string, tokens []token, s Settings) certainty {
	standard := s.StandardConformingStrings && s.Settled
	afterLiteral := false
	for _, t := range tokens {
		if t.kind == comment {
			continue
		}
		plain := t.kind == text && message[t.start] == '\''
		if plain && afterLiteral {
			return continued
		}
		if plain && !standard && strings.Contains(message[t.start:t.end], `\`) {
			return backslash
		}
		afterLiteral = t.kind == text || t.kind == bits
	}
	return certain
}
