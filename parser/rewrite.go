package parser

import "strings"

// Settings are the session settings on which the meaning of a text depends.
type Settings struct {
	// StandardConformingStrings is the last reported value of the setting.
	StandardConformingStrings bool
	// Settled is false while an unanswered message may yet change a setting.
	Settled bool
	// ClientEncoding is the last reported value, in PostgreSQL's spelling.
	ClientEncoding string
}

// Statement is one of our statements in a message.
type Statement struct {
	// Index is its place among the message's statements. Empty ones do not
	// count, as the backend does not answer them.
	Index int
	// Name is the statement's name in upper case, as in CREATE DATA SOURCE.
	Name string
	// Tag is the command tag to show in place of the backend's, or empty to
	// keep that.
	Tag string
	// Alone says that it may not stand in a transaction.
	Alone bool
	// Waits is the routine in which it waits for what it has done already, if it
	// does: an error from within leaves that as it is.
	Waits string
	// Acts says that it changes something.
	Acts bool
	// Shown is its text for people: without secrets, comments and line breaks.
	Shown string
}

// Rewritten is a message that holds statements of ours, or passwords of roles.
type Rewritten struct {
	// Text is what the backend is to be sent. If Err is set it is the client's up to
	// the first words of the first statement of ours, so that secrets behind them
	// are in nobody's log; passwords before them are stars.
	Text string
	// Statements are ours, in order. There may be none, if the text gives a role a
	// password.
	Statements []Statement
	// Sealed are the numbers of the parameters whose values must go through Seal.
	Sealed []int
	// Blocks are PostgreSQL's that begin or undo a part of a transaction, in order.
	Blocks []IndexedBlock
	// Err is the first of our statements' mistakes. The backend fails the text
	// with a syntax error at or after character First, as no statement of
	// PostgreSQL begins as ours do, and so does all that an error must do; only
	// what it says is to be replaced by Err.
	Err *Error
	// Failed is the statement with the mistake.
	Failed Statement
	// First is the 1-based character position of the first of our statements in
	// the client's text.
	First int

	// Doubt is set if it cannot be known for certain how the backend will read
	// the text, which may hold statements of ours. Then Text is the client's, or its
	// first words if these alone make it certain that the backend will fail it;
	// nothing is known of statements, and Doubt is a hint for the client should the
	// backend find a syntax error.
	Doubt string

	edits []edit
}

// waitRoutine is where the statements wait that act and then wait.
const waitRoutine = "wait_for_request"

// Rewriter finds and replaces statements.
type Rewriter struct {
	// Seal encrypts a secret before it becomes a part of SQL. If nil, they stay as
	// they are.
	Seal func(secret string) string
}

// Rewrite is that of a Rewriter that seals nothing.
func Rewrite(text string, s Settings) *Rewritten { return Rewriter{}.Rewrite(text, s) }

// Rewrite finds Metadb's statements in the text of one message. It returns nil
// if the text is to be passed on as it is, because it holds none or because it
// cannot be known for certain how the backend will read it, whatever is done.
func (rw Rewriter) Rewrite(text string, s Settings) *Rewritten {
	ours, role := mayHold(text)
	if !ours && (!role || !strings.Contains(foldASCII(text), "password")) {
		return nil
	}
	r := rw.rewrite(text, s)
	if !ours && r != nil && r.Doubt != "" {
		return nil
	}
	if r == nil || r.Doubt != "" {
		if end := secretStart(text); end > 0 && end < len(text) {
			const incomplete = "The statement cannot be read: a quote, a comment or a parenthesis is left open, an escape is wrong, or it is too long."
			hidden := &Rewritten{Text: text[:end], Doubt: incomplete}
			if r != nil {
				hidden.Doubt = r.Doubt
			}
			return hidden
		}
	}
	return r
}

// secretStart is the offset behind the first words of a text that begins as a
// statement of ours does that may hold secrets; 0 if it does not.
func secretStart(text string) int {
	at := skipBlank(text, 0)
	if at == len(text) || !isWordByte(text[at]) {
		return 0
	}
	for i := range forms {
		if !forms[i].secrets {
			continue
		}
		if end := forms[i].claims(text, at); end > 0 {
			return end
		}
	}
	return 0
}

func (rw Rewriter) rewrite(text string, s Settings) *Rewritten {
	if !boundedWork(text) || strings.IndexByte(text, 0) >= 0 {
		return nil // a zero byte ends the text for the scanner, and cannot come from a wire
	}
	if !safeEncoding(text, s) {
		return doubt(text, s, "with characters that are not ASCII")
	}
	tokens, ok := scan(text)
	if !ok {
		return nil
	}
	switch exact(text, tokens, s) {
	case certain:
	case backslash:
		return doubt(text, s, "with a backslash in a plain string")
	default:
		return nil
	}
	statements, ok := split(text, tokens)
	if !ok {
		return nil
	}
	w := writer{text: text, count: charactersOf(s)}
	for index, own := range statements {
		form, ok := formOf(text, own.tokens)
		if !ok {
			if b := blockOf(text, own); b != (Block{}) {
				w.r.Blocks = append(w.r.Blocks, IndexedBlock{index, b})
			}
			for _, literal := range rolePasswords(text, own) {
				w.hide(literal, isUTF8(s))
			}
			continue
		}
		c := &cursor{text: text, utf8: isUTF8(s), seal: rw.Seal, statement: own, next: form.length()}
		sql, err := form.parse(c)
		if err == nil {
			err = c.end()
		}
		if err != nil {
			w.fail(own.start(), form.claimed(own), err, form.statement(index, text, own))
			continue
		}
		w.r.Sealed = append(w.r.Sealed, c.sealed...)
		statement := form.statement(index, text, own)
		if c.alone {
			statement.Name, statement.Alone, statement.Waits = statement.Name+" WAIT", true, waitRoutine
		}
		w.replace(own, form.claimed(own), sql, statement)
	}
	return w.result()
}

// doubt is a text whose reading depends on settings that are not known, or not
// those that Metadb can read by.
func doubt(text string, s Settings, why string) *Rewritten {
	what := "while client_encoding or standard_conforming_strings has its present value"
	if !s.Settled {
		what = "while earlier statements are unanswered"
	}
	return &Rewritten{Text: text, Doubt: "If this is a statement of Metadb's: a message " + why + " is not searched for them " + what + "."}
}

// writer builds the rewritten text from left to right.
type writer struct {
	text      string
	count     characters
	out       strings.Builder
	done      int // bytes of text that are in out
	first     int // byte offset + 1 of the first statement of ours
	words     int // end of the words by which it is known
	passwords []token
	r         Rewritten
	chars     struct{ text, out int } // characters of text[:done] and of out
}

// see keeps where the first of our statements is.
func (w *writer) see(at, words int) {
	if w.first == 0 {
		w.first, w.words = at+1, words
	}
}

// fail keeps the first mistake.
func (w *writer) fail(at, words int, err *Error, s Statement) {
	w.see(at, words)
	if w.r.Err == nil {
		err.Position = w.count.in(w.text[:err.at]) + 1
		w.r.Err, w.r.Failed = err, s
	}
}

// replace puts sql in the place of a statement.
func (w *writer) replace(own statement, words int, sql string, s Statement) {
	w.see(own.start(), words)
	w.put(own.start(), own.last(), sql, len(w.r.Statements))
	w.r.Statements = append(w.r.Statements, s)
}

// hide puts a verifier in the place of a role's password.
func (w *writer) hide(literal token, isUTF8 bool) {
	if w.passwords = append(w.passwords, literal); len(w.passwords) > maxPasswords {
		return
	}
	if verifier, ok := verifierOf(w.text[literal.start:literal.end], isUTF8); ok {
		w.put(literal.start, literal.end, verifier, -1)
	}
}

// put puts sql in the place of a part of the text. own is the place in Statements of
// the statement that it is, or -1.
func (w *writer) put(from, to int, sql string, own int) {
	kept := w.count.in(w.text[w.done:from])
	e := edit{client: w.chars.text + kept, sent: w.chars.out + kept, own: own}
	e.clientEnd = e.client + w.count.in(w.text[from:to])
	e.sentEnd = e.sent + w.count.in(sql)
	w.out.WriteString(w.text[w.done:from])
	w.out.WriteString(sql)
	w.done = to
	w.chars.text, w.chars.out = e.clientEnd, e.sentEnd
	w.r.edits = append(w.r.edits, e)
}

func (w *writer) result() *Rewritten {
	if w.first == 0 && len(w.r.edits) == 0 {
		return nil
	}
	if w.first > 0 {
		w.r.First = w.count.in(w.text[:w.first-1]) + 1
	}
	if w.r.Err != nil {
		return &Rewritten{Text: w.starred(), Err: w.r.Err, Failed: w.r.Failed, First: w.r.First}
	}
	w.out.WriteString(w.text[w.done:])
	w.r.Text = w.out.String()
	return &w.r
}

// starred is the text up to the words of the first statement of ours. It is not run,
// so that of passwords only the length matters, for positions.
func (w *writer) starred() string {
	var b strings.Builder
	done := 0
	for _, p := range w.passwords {
		if p.start > w.words {
			break
		}
		b.WriteString(w.text[done:p.start])
		b.WriteString("'" + strings.Repeat("*", w.count.in(w.text[p.start:p.end])-2) + "'")
		done = p.end
	}
	b.WriteString(w.text[done:w.words])
	return b.String()
}
