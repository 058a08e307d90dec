package parser

import "strings"

// form is one statement of ours.
type form struct {
	// words are its leading keywords, in lower case.
	words []string
	// claim is how many of them no statement of PostgreSQL begins with: a
	// statement that begins with these is ours, if perhaps misspelled.
	claim int
	// tagged says that the statement's name is its command tag; if not, the
	// backend's tag is shown.
	tagged bool
	// shown is the command tag where it is not the name.
	shown string
	// secrets says that it may hold secrets.
	secrets bool
	// alone says that the statement may not stand in a transaction.
	alone bool
	// takes says of a statement that PostgreSQL has too whether it is ours, by
	// what follows the words; nil if they decide.
	takes func(message string, rest []token) bool
	// parse reads what follows the words and returns the SQL that runs it.
	parse func(c *cursor) (sql string, err *Error)
}

// forms is every statement of ours.
var forms = []form{
	{words: []string{"create", "data", "source"}, claim: 2, tagged: true, secrets: true, parse: createSource},
	{words: []string{"create", "data", "origin"}, claim: 2, tagged: true, parse: createOrigin},
	{words: []string{"drop", "data", "origin"}, claim: 2, tagged: true, parse: dropOrigin},
	{words: []string{"alter", "data", "source"}, claim: 2, tagged: true, secrets: true, parse: alterSource},
	{words: []string{"drop", "data", "source"}, claim: 2, tagged: true, parse: dropSource},
	{words: []string{"replay", "dead", "letters"}, claim: 1, tagged: true, parse: replayDeadLetters},
	{words: []string{"alter", "system", "set"}, claim: 3, tagged: true, shown: "ALTER SYSTEM", takes: takesParameter, parse: alterSystem},
	{words: []string{"sync", "data", "source"}, claim: 1, tagged: true, parse: syncSource},
	{words: []string{"endsync", "data", "source"}, claim: 1, tagged: true, parse: endsyncSource},
	{words: []string{"explain", "endsync", "data", "source"}, claim: 2, parse: explainEndsync},
	{words: []string{"cancel", "sync", "data", "source"}, claim: 1, tagged: true, parse: cancelSync},
	{words: []string{"wait", "for", "data", "source"}, claim: 3, tagged: true, alone: true, parse: waitSource},
	{words: []string{"list"}, claim: 1, parse: list},
}

func (f *form) length() int  { return len(f.words) }
func (f *form) name() string { return strings.ToUpper(strings.Join(f.words, " ")) }

// claimed is the end of the words by which a statement is known to be ours, or
// wrong.
func (f *form) claimed(s statement) int {
	n := f.claim
	if n == 0 {
		n = len(f.words) // what is like several forms
	}
	return s.tokens[n-1].end
}

func (f *form) tag() string {
	switch {
	case !f.tagged:
		return ""
	case f.shown != "":
		return f.shown
	}
	return f.name()
}

// formOf finds the form of a statement. A statement that is ours by its claimed
// words but goes on with none of the known ones gets a form that fails there.
func formOf(message string, tokens []token) (form, bool) {
	var near []form
	at := 0
	for _, f := range forms {
		n := f.match(message, tokens)
		switch {
		case n == len(f.words) && f.takes != nil && !f.takes(message, tokens[n:]):
			return form{}, false
		case n == len(f.words):
			return f, true
		case n < f.claim || n < at:
			continue
		case n > at:
			near, at = nil, n
		}
		near = append(near, f)
	}
	if near == nil {
		return form{}, false
	}
	valid := make([]string, len(near))
	for i, f := range near {
		valid[i] = f.words[at]
	}
	return form{words: near[0].words[:at], parse: func(c *cursor) (string, *Error) {
		return "", c.unexpected(valid...)
	}}, true
}

// match is how many of the form's words the statement begins with.
func (f *form) match(message string, tokens []token) int {
	for i, w := range f.words {
		if i >= len(tokens) || tokens[i].kind != word || !strings.EqualFold(message[tokens[i].start:tokens[i].end], w) {
			return i
		}
	}
	return len(f.words)
}
