package pgwire

import (
	"strconv"
	"strings"
)

// SQLSTATEs of errors that are edited.
const (
	syntaxError     = "42601"
	deniedError     = "42501"
	schemaMissing   = "3F000"
	routineMissing  = "42883"
	relationMissing = "42P01"
	cannotCommit    = "2D000"
	inTransaction   = "25001"
)

// editTag makes the tag of a statement of ours from the one of the CALL it was
// turned into. Any other tag is left alone, so that a miscount cannot make a
// wrong one. It returns nil to change nothing.
func editTag(tag string, s Statement) []byte {
	if s.Tag == "" || tag != "CALL" {
		return nil
	}
	return newMessage('C', terminated(s.Tag))
}

// editedError is what became of an error.
type editedError struct {
	instead   []byte // nil to change nothing
	ours      bool   // it is an error of statement
	waited    bool   // what the statement does was done before; its wait ended so
	statement Statement
	code      string
}

// editError makes an error fit the client's text, of which the backend has seen
// another.
func editError(body []byte, own *Rewriting, adminRole string, inQuery bool, statement int) (e editedError) {
	f, ok := parseFields(body)
	if !ok {
		return e
	}
	if own.Doubt != "" {
		if f.get(codeField) != syntaxError || f.get(hintField) != "" {
			return e
		}
		return editedError{instead: f.set(hintField, own.Doubt).message()}
	}
	position, err := strconv.Atoi(f.get(positionField))
	hasPosition := err == nil
	if bad := own.Malformed; bad != nil {
		// The guard on the code is the one that matters: only a statement that
		// the backend does not know may get another answer.
		if f.get(codeField) != syntaxError || !hasPosition || position < bad.First {
			return e
		}
		return editedError{instead: bad.fields(f).message(), ours: true, statement: bad.Statement, code: bad.Code}
	}
	s, ours := own.statement(inQuery, statement)
	missing := false
	if hasPosition {
		client, inside := own.Position(position)
		f = f.set(positionField, strconv.Itoa(client))
		if ours = inside >= 0; ours {
			s = own.Statements[inside]
			missing = true
		}
	}
	if !ours {
		return editedError{instead: f.message()}
	}
	switch code := f.get(codeField); {
	case missing && (code == schemaMissing || code == routineMissing || code == relationMissing):
		f = f.set(hintField, "This database has no Metadb catalog, or one of another version. "+
			`Connect to the database "metadb", or run "metadb start" against this one.`)
	case code == cannotCommit && s.Alone:
		f = f.set(codeField, inTransaction)
		f = f.set(messageField, s.Name+" cannot run inside a transaction block")
	case code == deniedError && f.get(contextField) == "" && strings.HasPrefix(f.get(messageField), "permission denied for "):
		f = f.set(messageField, "permission denied to run "+s.Name)
		f = f.set(hintField, `The statement is for members of the role "`+adminRole+`".`)
	}
	// What our routines are made of is of no use to the client.
	waited := s.Waits != "" && strings.Contains(f.get(contextField), s.Waits+"(")
	return editedError{f.without(contextField).message(), true, waited, s, f.get(codeField)}
}

// fields is the error in place of the backend's, whose severity it keeps, as
// that may be in another language.
func (m *Malformed) fields(backend fields) fields {
	f := fields{
		{severityField, backend.get(severityField)},
		{fixedSeverity, backend.get(fixedSeverity)},
		{codeField, m.Code},
		{messageField, m.Message},
	}
	if m.Hint != "" {
		f = f.set(hintField, m.Hint)
	}
	return f.set(positionField, strconv.Itoa(m.Position))
}

// statement is the replaced statement that an answer belongs to. A message of
// the extended protocol has but one.
func (r *Rewriting) statement(inQuery bool, index int) (Statement, bool) {
	for _, s := range r.Statements {
		if !inQuery || s.Index == index {
			return s, true
		}
	}
	return Statement{}, false
}
