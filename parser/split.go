package parser

import "strings"

// statement is the tokens of one statement, without comments; at least one.
type statement struct {
	tokens []token
	// terminator is the offset of the semicolon behind it, or that of the
	// text's end.
	terminator int
}

func (s statement) start() int { return s.tokens[0].start }
func (s statement) last() int  { return s.tokens[len(s.tokens)-1].end }

// split cuts a message at its semicolons, except those in parentheses and in
// the body of an SQL function (BEGIN ATOMIC … END). Empty statements are left
// out, as the backend does not answer them. It is not ok if the parentheses do
// not match: the message is wrong, and where its statements end unknown.
func split(message string, tokens []token) (statements []statement, ok bool) {
	kept := make([]token, 0, len(tokens))
	first, depth := 0, 0
	var body block
	for _, t := range tokens {
		if t.kind == comment {
			continue
		}
		if t.kind == symbol {
			switch message[t.start] {
			case '(':
				depth++
			case ')':
				depth--
			case ';':
				if depth == 0 && body.depth == 0 {
					if first < len(kept) {
						statements = append(statements, statement{tokens: kept[first:len(kept):len(kept)], terminator: t.start})
					}
					first, body = len(kept), block{}
					continue
				}
			}
			if depth < 0 {
				return nil, false
			}
		}
		body.see(message, t)
		kept = append(kept, t)
	}
	if first < len(kept) {
		statements = append(statements, statement{tokens: kept[first:], terminator: len(message)})
	}
	return statements, depth == 0
}

// block follows the body of an SQL function, in which CASE … END nests.
type block struct {
	depth int
	begin bool // the last token was BEGIN
}

func (b *block) see(message string, t token) {
	lower := ""
	if t.kind == word && t.end-t.start <= len("atomic") {
		lower = strings.ToLower(message[t.start:t.end])
	}
	switch {
	case b.begin && lower == "atomic":
		b.depth++
	case b.depth > 0 && lower == "case":
		b.depth++
	case b.depth > 0 && lower == "end":
		b.depth--
	}
	b.begin = lower == "begin"
}
