package pgwire

import "encoding/binary"

// Longest bodies of answers that are looked at. Longer ones pass as they are.
const (
	maxError     = 1 << 20
	maxTag       = 256
	maxParameter = 1024
	maxKey       = 1024
)

// fromBackend inspects the backend's messages.
type fromBackend struct {
	ledger    *ledger
	adminRole string
}

func (f *fromBackend) look(kind byte, size int) int {
	limit := 0
	switch kind {
	case 'E':
		limit = maxError
	case 'C':
		limit = maxTag
	case 'S':
		limit = maxParameter
	case 'Z':
		limit = 1
	case 'K':
		limit = maxKey
	}
	if size > limit {
		return 0
	}
	return size
}

func (f *fromBackend) see(kind byte, body []byte, whole bool) ([]byte, error) {
	l := f.ledger
	switch kind {
	case '1', '2', '3', 'n', 'T', 'C', 'I', 's', 'E', 'G', 'K', 'S', 'Z':
		l.mu.Lock()
		defer l.mu.Unlock()
	default:
		return nil, nil // rows, copy data, and what may come at any time
	}
	switch kind {
	case 'E':
		n, statement := l.fail()
		if n.own == nil || !whole {
			l.journal.error(editedError{})
			return nil, nil
		}
		e := editError(body, n.own, f.adminRole, n.query, statement)
		l.journal.error(e)
		return e.instead, nil
	case 'C':
		n, statement := l.answer(kind)
		tag, _, _ := cut(body)
		if n.own == nil || !whole {
			l.journal.tag(tag, n.does(statement))
			return nil, nil
		}
		s, ok := n.own.statement(n.query, statement)
		if !ok {
			l.journal.tag(tag, n.does(statement))
			return nil, nil
		}
		l.journal.done(s)
		return editTag(tag, s), nil
	case 'K':
		if len(body) > 4 {
			l.journal.who.PID = binary.BigEndian.Uint32(body)
		}
	case 'S':
		l.parameter(body)
	case 'Z':
		if len(body) == 1 {
			l.isReady(body[0])
		}
	case 'G':
		l.copyBegins()
	default:
		l.answer(kind)
	}
	return nil, nil
}

// parameter takes a ParameterStatus.
func (l *ledger) parameter(body []byte) {
	name, rest, _ := cut(body)
	value, _, ok := cut(rest)
	switch {
	case !ok:
	case name == "standard_conforming_strings":
		l.standard = value == "on"
	case name == "client_encoding":
		l.encoding = value
	}
}
