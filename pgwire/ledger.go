package pgwire

import "sync"

// ending is the message that ends a cycle.
type ending uint8

const (
	open ending = iota // not sent yet
	bySync
	byQuery
	byCall // FunctionCall
)

// cycle is the messages that one ReadyForQuery answers: some of the extended
// protocol, then a Sync, a Query or a FunctionCall.
type cycle struct {
	extended int // messages that have one answer each: P, B, D, E, C
	end      ending
	stirs    bool   // it may change a setting
	failed   bool   // a message of extended failed, and the rest is skipped
	stopped  bool   // a statement of the Query failed, and the rest is not run
	notes    []note // of its messages, in order
}

// note says what is to be done with a message's answer.
type note struct {
	at    int        // the message's index; cycle.extended for the Query
	own   *Rewriting // by which it is to be edited
	query bool
	runs  bool  // an Execute
	block Block // what it does with a part of a transaction, if own is nil
	parse bool  // a Parse, of the statement called name
	name  string
}

// does is what the message's statement at an index does with a part of a transaction.
func (n note) does(index int) Block {
	if n.own == nil {
		return n.block
	}
	return n.own.block(index)
}

// ledger matches the backend's answers with the client's messages. The client's
// pump writes down each message before it is sent on, the backend's pump each
// answer before it is passed on.
//
// The protocol says exactly which answer belongs to which message, save in one
// case: an error in a COPY FROM STDIN of the extended protocol leaves open which
// Syncs the backend took for part of the copy. Then the ledger is lost, edits
// nothing until the client has seen an answer, and believes no setting again.
type ledger struct {
	mu sync.Mutex // guards all below

	cycles   []cycle // not yet answered; the last may be open
	head     int     // those before it are done
	answered int     // answers seen of the first cycle's extended messages
	finished int     // statements answered of its Query
	copying  bool    // in a COPY FROM STDIN of the extended protocol
	lost     bool
	ready    bool // the last answer was a ReadyForQuery
	doubtful bool // the ledger was lost before
	closed   bool // nothing more may be sent
	status   byte // the transaction status of the last ReadyForQuery

	standard bool   // standard_conforming_strings
	encoding string // client_encoding

	names   names
	journal journal
}

func newLedger() *ledger {
	// The first cycle is the start-up, which may change settings.
	return &ledger{cycles: []cycle{{end: byCall, stirs: true}}, journal: journal{observe: func(Activity) {}}}
}

// settings are those by which the next message is to be read.
func (l *ledger) settings() Settings {
	settled := !l.doubtful && !l.lost
	for _, c := range l.cycles[l.head:] {
		settled = settled && !c.stirs
	}
	return Settings{StandardConformingStrings: l.standard, Settled: settled, ClientEncoding: l.encoding}
}

// current is the open cycle, begun if there is none.
func (l *ledger) current() *cycle {
	if l.lost && l.ready {
		l.unanswered()
		l.lost = false
		l.cycles, l.head = l.cycles[:0], 0
		l.answered, l.finished = 0, 0
	}
	if n := len(l.cycles); n > l.head && l.cycles[n-1].end == open {
		return &l.cycles[n-1]
	}
	if l.head > 0 && l.head == len(l.cycles) {
		l.cycles, l.head = l.cycles[:0], 0
	}
	l.cycles = append(l.cycles, cycle{})
	return &l.cycles[len(l.cycles)-1]
}

// extended writes down a message that has one answer.
func (l *ledger) extended(stirs bool, n note) {
	c := l.current()
	c.stirs = c.stirs || stirs
	if n.own != nil || n.parse || n.block != (Block{}) {
		n.at = c.extended
		c.notes = append(c.notes, n)
	}
	c.extended++
}

// finish writes down the message that ends a cycle.
func (l *ledger) finish(end ending, stirs bool, n note) {
	c := l.current()
	c.end = end
	c.stirs = c.stirs || stirs
	if n.own != nil || n.block != (Block{}) {
		n.at, n.query = c.extended, true
		c.notes = append(c.notes, n)
	}
}

// copyEnded writes down a CopyDone or CopyFail. In the extended protocol the
// backend has by then ignored the Syncs since the copy began: what was taken
// for ended cycles is one, and still open.
func (l *ledger) copyEnded() {
	switch {
	case l.copying:
		l.copying = false
		first := &l.cycles[l.head]
		first.extended = l.answered + 1
		first.end = open
		l.cycles = l.cycles[:l.head+1]
	case l.head < len(l.cycles) && l.cycles[l.head].extended > l.answered:
		// Sent blindly, before the backend said that the copy begins; or left
		// over from a copy that failed.
		l.lose()
	}
}

// lose gives up matching until the client has seen an answer.
func (l *ledger) lose() {
	l.unanswered()
	l.cycles, l.head, l.answered, l.finished = l.cycles[:0], 0, 0, 0
	l.lost, l.ready, l.doubtful, l.copying = true, false, true, false
}

// unanswered tells the journal of the statements whose answers will not be seen.
func (l *ledger) unanswered() {
	skipping := false
	for i := range l.cycles[l.head:] {
		c, answered, finished := &l.cycles[l.head+i], 0, 0
		if i == 0 && !l.lost {
			answered, finished = l.answered, l.finished
		}
		skipping = skipping || c.failed
		for _, n := range c.notes {
			if skipping || !n.own.replaces() {
				continue
			}
			for _, s := range n.own.Statements {
				if n.query && s.Index >= finished && !c.stopped || n.runs && n.at >= answered {
					l.journal.unanswered(s)
				}
			}
		}
		skipping = skipping && c.end != bySync
	}
}

// first is the cycle that is being answered, if any.
func (l *ledger) first() (c *cycle, ok bool) {
	if l.lost || l.head == len(l.cycles) {
		return nil, false
	}
	return &l.cycles[l.head], true
}

// answer takes an answer that ends a message's work, of type 1, 2, 3, n, T, C, I
// or s. It returns the note on the message and, for a Query, the index of its
// statement.
func (l *ledger) answer(kind byte) (n note, statement int) {
	l.ready = false
	c, ok := l.first()
	switch {
	case !ok:
	case l.answered < c.extended:
		n = c.note(l.answered)
		l.answered++
		// A copy that is over was ended by the backend alone.
		l.copying = false
	case kind == 'C' || kind == 'I':
		n, statement = c.note(c.extended), l.finished
		l.finished++
	}
	return n, statement
}

// fail takes an ErrorResponse. It returns what answer does.
func (l *ledger) fail() (n note, statement int) {
	l.ready = false
	c, ok := l.first()
	switch {
	case !ok:
	case l.copying:
		l.lose()
	case l.answered < c.extended:
		if !c.failed {
			n = c.note(l.answered)
		}
		c.failed = true
	default:
		n, statement = c.note(c.extended), l.finished
		c.stopped = true
	}
	return n, statement
}

// copyBegins takes a CopyInResponse.
func (l *ledger) copyBegins() {
	l.ready = false
	if c, ok := l.first(); ok && l.answered < c.extended {
		l.copying = true
	}
}

// isReady takes a ReadyForQuery: the first cycle is answered, and if a message
// of the extended protocol failed, all up to the next Sync is.
func (l *ledger) isReady(status byte) {
	l.status, l.ready, l.copying = status, true, false
	l.journal.ready(status)
	skipping := false
	for c, ok := l.first(); ok; c, ok = l.first() {
		done := !skipping && !c.failed || c.end == bySync
		skipping = skipping || c.failed
		l.names.forget(c, l.answered, l.cycles[l.head+1:])
		c.notes = nil
		l.head++
		l.answered, l.finished = 0, 0
		if done {
			break
		}
	}
	if half := len(l.cycles) / 2; l.head > half && half > 64 {
		l.cycles = append(l.cycles[:0], l.cycles[l.head:]...)
		l.head = 0
	}
}

// end takes the end of the session.
func (l *ledger) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	pending := l.lost || l.head < len(l.cycles)
	l.unanswered()
	l.journal.end(pending)
}

// shut stops further messages if nothing is going on, and says whether it did.
func (l *ledger) shut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	pending := l.head < len(l.cycles)
	if l.lost {
		pending = !l.ready
	}
	if pending || l.status != 'I' {
		return false
	}
	l.closed = true
	return true
}

// note is the note on a message, if there is one.
func (c *cycle) note(at int) note {
	for _, n := range c.notes {
		if n.at == at {
			return n
		}
	}
	return note{}
}
