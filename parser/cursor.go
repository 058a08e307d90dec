package parser

import (
	"fmt"
	"strconv"
	"strings"
)

// maxName is the longest name, in bytes, as in PostgreSQL.
const maxName = 63

// cursor reads the tokens of one statement.
type cursor struct {
	text string
	utf8 bool // the text is known to be UTF-8
	// seal is the Rewriter's, may be nil; sealed are the parameters for it.
	seal   func(string) string
	sealed []int
	// alone is set by a statement with WAIT, which may not stand in a transaction.
	alone bool
	statement
	next int
}

// peek is the next token, if there is one.
func (c *cursor) peek() (token, bool) {
	if c.next >= len(c.tokens) {
		return token{}, false
	}
	return c.tokens[c.next], true
}

// accept takes the given words if all of them come next.
func (c *cursor) accept(words ...string) bool {
	f := form{words: words}
	if f.match(c.text, c.tokens[c.next:]) < len(words) {
		return false
	}
	c.next += len(words)
	return true
}

// expect takes one word that must come next.
func (c *cursor) expect(keyword string) *Error {
	if !c.accept(keyword) {
		return c.unexpected(keyword)
	}
	return nil
}

// acceptSymbol takes a character if it comes next.
func (c *cursor) acceptSymbol(char byte) bool {
	t, ok := c.peek()
	if !ok || t.kind != symbol || c.text[t.start] != char {
		return false
	}
	c.next++
	return true
}

// name takes an identifier and folds it as PostgreSQL does. Unlike there every
// keyword may be a name, and a dot may be part of one, as in Metadb 1.4.
func (c *cursor) name() (string, *Error) {
	name, err := c.part()
	if err != nil {
		return "", err
	}
	for c.next+1 < len(c.tokens) {
		dot, after := c.tokens[c.next], c.tokens[c.next+1]
		before := c.tokens[c.next-1]
		if c.text[dot.start:dot.end] != "." || dot.start != before.end || after.start != dot.end {
			break
		}
		c.next++
		part, err := c.part()
		if err != nil {
			return "", err
		}
		name += "." + part
	}
	return name, nil
}

// shortName is name, for what is stored; what names the thing in the message.
func (c *cursor) shortName(what string) (string, *Error) {
	from := c.next
	name, err := c.name()
	if err == nil && len(name) > maxName {
		err = c.fault(c.tokens[from], nameTooLong, "%s name \"%s\" too long", what, name)
		err.Hint = fmt.Sprintf("A name has at most %d bytes.", maxName)
	}
	return name, err
}

// part takes one identifier.
func (c *cursor) part() (string, *Error) {
	t, ok := c.peek()
	if !ok || t.kind != word && t.kind != quoted {
		return "", c.wanted("a name")
	}
	c.next++
	source := c.text[t.start:t.end]
	if t.kind == quoted {
		return strings.ReplaceAll(source[1:len(source)-1], `""`, `"`), nil
	}
	return foldASCII(source), nil
}

// parameter takes a parameter of the extended protocol, such as $1, if it comes
// next, and returns it as it stands.
func (c *cursor) parameter() (string, bool) {
	t, ok := c.peek()
	if !ok || t.kind != parameter {
		return "", false
	}
	c.next++
	return c.text[t.start:t.end], true
}

// literal takes a string constant and returns its value. It may stand in
// parentheses: so do drivers write it that put a parameter's value into the text.
func (c *cursor) literal() (string, *Error) {
	open := 0
	for c.acceptSymbol('(') {
		open++
	}
	t, ok := c.peek()
	if !ok || t.kind != text {
		err := c.unexpected()
		err.Hint = "A value is a string in single quotes."
		return "", err
	}
	c.next++
	value, problem := literalValue(c.text[t.start:t.end], c.utf8)
	if problem != "" {
		return "", c.fault(t, invalidEscape, "%s", problem)
	}
	for ; open > 0; open-- {
		if !c.acceptSymbol(')') {
			return "", c.wanted(`")"`)
		}
	}
	return value, nil
}

// number takes a whole number of PostgreSQL's bigint and returns its digits.
func (c *cursor) number() (string, *Error) {
	t, ok := c.peek()
	source := ""
	if ok {
		source = c.text[t.start:t.end]
	}
	if source == "" || digits(source, len(source), 10) < len(source) {
		return "", c.wanted("a number")
	}
	if _, err := strconv.ParseInt(source, 10, 64); err != nil {
		return "", c.fault(t, outOfRange, "number \"%s\" is out of range", source)
	}
	c.next++
	return source, nil
}

// end fails if anything is left.
func (c *cursor) end() *Error {
	if _, ok := c.peek(); ok {
		return c.wanted("the end of the statement")
	}
	return nil
}

// unexpected is a syntax error at the next token, in PostgreSQL's words. The
// hint names the valid word that the client may have meant, or all valid ones.
func (c *cursor) unexpected(valid ...string) *Error {
	err := c.wanted(alternatives(valid))
	if t, ok := c.peek(); ok && t.kind == word {
		if meant := didYouMean(c.text[t.start:t.end], valid); meant != "" {
			err.Hint = meant
		}
	}
	return err
}

// wanted is a syntax error at the next token, with what should stand there.
func (c *cursor) wanted(what string) *Error {
	err := &Error{Code: syntaxError, Message: "syntax error at end of input", at: c.terminator}
	t, ok := c.peek()
	if !ok {
		t = token{start: c.terminator, end: min(c.terminator+1, len(c.text))}
	}
	if t.start < t.end {
		err = c.fault(t, syntaxError, "syntax error at or near \"%s\"", c.text[t.start:t.end])
	}
	if what != "" {
		err.Hint = "Expected " + what + "."
	}
	return err
}

// alternatives is "A, B or C".
func alternatives(words []string) string {
	upper := strings.ToUpper(strings.Join(words, ", "))
	if last := strings.LastIndex(upper, ", "); last >= 0 {
		return upper[:last] + " or " + upper[last+2:]
	}
	return upper
}

// fault is an error at a token.
func (c *cursor) fault(t token, code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), at: t.start}
}

// foldASCII lowers A to Z and nothing else: PostgreSQL folds other letters only
// in some encodings and locales. It works on bytes, as the text may not be UTF-8.
func foldASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + ('a' - 'A')
		}
	}
	return string(b)
}
