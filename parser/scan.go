package parser

import pg_query "github.com/pganalyze/pg_query_go/v5"

// kind is what a token is to our grammar.
type kind uint8

const (
	word      kind = iota // unquoted: keyword or identifier
	quoted                // identifier in double quotes
	text                  // string constant: '…', E'…' or $$…$$
	bits                  // B'…' or X'…'
	symbol                // one ASCII character that stands alone
	comment               // either form
	parameter             // $1
	other                 // numbers, operators
)

// token is text[start:end] of the message.
type token struct {
	kind       kind
	start, end int
}

// scan cuts a message into tokens with PostgreSQL's own scanner. It is not ok
// if the scanner fails, as at an unterminated literal, or if a token's bounds
// are not known.
//
// This is the only use of pg_query. Its parser must never see a client's text:
// deep nesting overflows the C stack, which ends the process.
func scan(message string) (tokens []token, ok bool) {
	result, err := pg_query.Scan(message)
	if err != nil {
		return nil, false
	}
	tokens = make([]token, 0, len(result.GetTokens()))
	end := 0
	for _, t := range result.GetTokens() {
		next := token{kind: kindOf(message, t), start: int(t.GetStart()), end: int(t.GetEnd())}
		// The scanner gives wrong bounds for the U& forms.
		unknown := t.GetToken() == pg_query.Token_USCONST || t.GetToken() == pg_query.Token_UIDENT
		if unknown || next.start < end || next.end <= next.start || next.end > len(message) {
			return nil, false
		}
		end = next.end
		tokens = append(tokens, next)
	}
	return tokens, true
}

func kindOf(message string, t *pg_query.ScanToken) kind {
	switch t.GetToken() {
	case pg_query.Token_SQL_COMMENT, pg_query.Token_C_COMMENT:
		return comment
	case pg_query.Token_SCONST:
		return text
	case pg_query.Token_BCONST, pg_query.Token_XCONST:
		return bits
	case pg_query.Token_PARAM:
		return parameter
	case pg_query.Token_IDENT:
		if start := int(t.GetStart()); start < len(message) && message[start] == '"' {
			return quoted
		}
		return word
	default:
		if t.GetKeywordKind() != pg_query.KeywordKind_NO_KEYWORD {
			return word
		}
		if t.GetToken() < 128 { // the scanner's way of saying: the character itself
			return symbol
		}
		return other
	}
}
