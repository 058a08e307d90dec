package parser

import (
	"slices"
	"strings"
)

// maxShown is how much of a statement is shown, in bytes.
const maxShown = 10_000

// statement is what is said of one of the form.
func (f *form) statement(index int, message string, own statement) Statement {
	s := Statement{Index: index, Name: f.name(), Tag: f.tag(), Alone: f.alone, Acts: f.tagged && !f.alone}
	if s.Acts {
		s.Shown = shown(message, own.tokens)
	}
	return s
}

// shown is a statement as people may see it. A literal is shown only behind a word
// whose values are known to be no secret: what is behind a misspelled option may be one.
func shown(message string, tokens []token) string {
	var b strings.Builder
	harmless := false
	for i, t := range tokens {
		source := message[t.start:t.end]
		if i > 0 && tokens[i-1].end < t.start {
			b.WriteByte(' ')
		}
		switch t.kind {
		case text, bits:
			if !harmless {
				source = "'***'"
			}
			harmless = false
		case word, quoted:
			harmless = isHarmless(foldASCII(strings.Trim(source, `"`)))
		case symbol, comment, parameter, other: // may stand between a word and its literal
		}
		if b.WriteString(source); b.Len() > maxShown {
			return b.String()[:maxShown] + "…"
		}
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

// isHarmless says of a word whether a literal behind it is no secret.
func isHarmless(word string) bool {
	if word == "timeout" {
		return true
	}
	for _, o := range sourceOptions {
		if (word == o.name || slices.Contains(o.also, word)) && !o.secret() {
			return true
		}
	}
	return slices.Contains(parameters, word) && !strings.HasPrefix(word, "external_sql") // those are URLs, which may hold a password
}

// secret says that the option's value is one, or may hold one.
func (o sourceOption) secret() bool {
	return strings.HasPrefix(o.name, "sasl_") && o.name != "sasl_mechanism"
}
