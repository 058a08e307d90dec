package parser

import "strings"

// mayHold says whether the text may hold a statement of ours, and whether it may hold
// one of PostgreSQL's about a role, without scanning it. It looks behind the start of the
// text and behind every semicolon, also those in literals and comments, so it says yes too
// often but never no to a text that holds one.
func mayHold(message string) (ours, role bool) {
	// A start costs as much as the comments behind it, and every semicolon in
	// a comment starts anew; past this budget the answer is yes.
	budget := 2*len(message) + 1024
	for at := 0; ; {
		start := skipBlank(message, at)
		if budget -= start - at; budget < 0 {
			return true, true
		}
		role = role || beginsRole(message, start)
		if ours = ours || claimed(message, start); ours && role {
			return true, true
		}
		next := strings.IndexByte(message[at:], ';')
		if next < 0 {
			return ours, role
		}
		at += next + 1
	}
}

// claimed says whether the words at an offset make the statement ours.
func claimed(message string, at int) bool {
	if at >= len(message) || !isWordByte(message[at]) {
		return false
	}
	for i := range forms {
		if forms[i].claims(message, at) > 0 {
			return true
		}
	}
	return false
}

// claims is the offset behind the form's claimed words if they stand at an offset,
// else 0.
func (f *form) claims(message string, at int) (end int) {
	for i, w := range f.words[:f.claim] {
		if i > 0 {
			at = skipBlank(message, at)
		}
		if len(message)-at < len(w) || !strings.EqualFold(message[at:at+len(w)], w) {
			return 0
		}
		at += len(w)
		if at < len(message) && isWordByte(message[at]) {
			return 0
		}
	}
	return at
}

// skipBlank is the offset of what follows white space and comments. An
// unterminated comment reaches to the end.
func skipBlank(message string, at int) int {
	for at < len(message) {
		switch c := message[at]; {
		case c == ' ' || '\t' <= c && c <= '\r':
			at++
		case strings.HasPrefix(message[at:], "--"):
			n := strings.IndexAny(message[at:], "\n\r")
			if n < 0 {
				return len(message)
			}
			at += n + 1
		case strings.HasPrefix(message[at:], "/*"):
			at = skipComment(message, at+2)
		default:
			return at
		}
	}
	return at
}

// skipComment is the offset behind a comment, whose opening is behind us.
// Comments nest.
func skipComment(message string, at int) int {
	for depth := 1; depth > 0; {
		n := strings.IndexAny(message[at:], "*/")
		if n < 0 {
			return len(message)
		}
		at += n
		switch {
		case strings.HasPrefix(message[at:], "*/"):
			depth--
			at += 2
		case strings.HasPrefix(message[at:], "/*"):
			depth++
			at += 2
		default:
			at++
		}
	}
	return at
}

// isWordByte says whether a byte continues an identifier.
func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '$' || c >= 0x80
}
