package pgwire

import "errors"

// maxText is the longest message whose text is looked at; an own statement in a
// longer one gets the backend's syntax error.
const maxText = 16 << 20

// maxNames is how much of a message is looked at for the names it begins with.
const maxNames = 512

var errClosed = errors.New("session is closed")

// fromClient inspects the client's messages.
type fromClient struct {
	ledger  *ledger
	rewrite Rewriter
	calm    func(text string) bool
	block   func(text string) Block
}

func (f *fromClient) look(kind byte, size int) int {
	switch kind {
	case 'Q', 'P':
		if size <= maxText {
			return size
		}
	case 'B', 'D', 'E', 'C':
		f.ledger.mu.Lock()
		defer f.ledger.mu.Unlock()
		if kind == 'B' && f.ledger.names.sealing && size <= maxText {
			return size
		}
		if f.ledger.names.any() {
			return min(size, maxNames)
		}
	}
	return 0
}

func (f *fromClient) see(kind byte, head []byte, whole bool) ([]byte, error) {
	switch kind {
	case 'd', 'H', 'p':
		return nil, nil // has no answer
	}
	l := f.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errClosed
	}
	switch kind {
	case 'Q':
		return f.query(head, whole), nil
	case 'P':
		return f.parse(head, whole), nil
	case 'B':
		return f.bind(head, whole), nil
	case 'D':
		l.extended(false, note{own: f.named(head).own})
	case 'C':
		f.forget(head)
	case 'E':
		portal, _, ok := cut(head)
		p := prepared{}
		if ok {
			p = l.names.portals[portal]
		}
		l.extended(!p.calm, note{own: p.own, runs: true, block: p.block})
	case 'S':
		l.finish(bySync, false, note{})
	case 'F':
		l.finish(byCall, true, note{})
	case 'c', 'f':
		l.copyEnded()
	}
	return nil, nil
}

// query looks at a Query.
func (f *fromClient) query(body []byte, whole bool) (instead []byte) {
	text, rest, ok := cut(body)
	if !whole || !ok || len(rest) > 0 {
		f.ledger.finish(byQuery, true, note{})
		return nil
	}
	own := f.rewrite(text, f.ledger.settings())
	n := note{own: own}
	if own == nil {
		n.block = f.block(text)
	}
	f.ledger.finish(byQuery, own != nil || !f.calm(text), n)
	if !own.differs(text) {
		return nil
	}
	return newMessage('Q', terminated(own.Text))
}

// parse looks at a Parse. It runs nothing, so that it changes no setting.
func (f *fromClient) parse(body []byte, whole bool) (instead []byte) {
	name, rest, ok := cut(body)
	text, rest, okText := cut(rest)
	if !whole || !ok || !okText {
		f.ledger.extended(false, note{})
		return nil
	}
	own := f.rewrite(text, f.ledger.settings())
	runs := own.replaces()
	p := prepared{calm: runs || f.calm(text)}
	switch {
	case runs:
		p.own = own
		f.ledger.names.sealing = f.ledger.names.sealing || len(own.Sealed) > 0
	case own == nil:
		p.block = f.block(text)
	}
	_, known := f.ledger.names.statements[name]
	set(&f.ledger.names.statements, name, p)
	f.ledger.extended(false, note{own: own, parse: known || p.calm, name: name})
	if !own.differs(text) {
		return nil
	}
	return newMessage('P', terminated(name), terminated(own.Text), rest)
}

// bind makes a portal of a statement.
func (f *fromClient) bind(head []byte, whole bool) (instead []byte) {
	portal, rest, ok := cut(head)
	name, _, okName := cut(rest)
	p := prepared{}
	if okName {
		p = f.ledger.names.statements[name]
	}
	if ok {
		set(&f.ledger.names.portals, portal, p)
	}
	f.ledger.extended(!p.calm, note{own: p.own})
	if p.own == nil || len(p.own.Sealed) == 0 || !whole {
		return nil
	}
	return sealBind(head, p.own, f.ledger.encoding)
}

// named is what is known of the statement or portal of a Describe or Close.
func (f *fromClient) named(head []byte) prepared {
	if len(head) == 0 {
		return prepared{}
	}
	name, _, ok := cut(head[1:])
	switch {
	case !ok:
	case head[0] == 'S':
		return f.ledger.names.statements[name]
	case head[0] == 'P':
		return f.ledger.names.portals[name]
	}
	return prepared{}
}

// forget looks at a Close.
func (f *fromClient) forget(head []byte) {
	if len(head) > 0 {
		if name, _, ok := cut(head[1:]); ok && head[0] == 'S' {
			delete(f.ledger.names.statements, name)
		} else if ok && head[0] == 'P' {
			delete(f.ledger.names.portals, name)
		}
	}
	f.ledger.extended(false, note{})
}
