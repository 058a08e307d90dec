package pgwire

import "time"

// Outcome is what became of a statement.
type Outcome string

// Outcomes of a statement that changes something.
const (
	Committed  Outcome = "committed"
	Failed     Outcome = "failed"
	RolledBack Outcome = "rolled back"
	// Unknown is the outcome when the session broke off before the statement or its
	// COMMIT was answered, or when a part of the transaction was rolled back that
	// is not known.
	Unknown Outcome = "unknown"
)

// Activity is a statement of Metadb's that changes something, which a client ran.
type Activity struct {
	At          time.Time // of its answer
	User        string    // as whom the client signed in
	Application string    // as it calls itself
	Client      string    // its address
	PID         uint32    // of its backend
	Statement   string    // its name
	Text        string    // without secrets
	Outcome     Outcome

	// Code is the SQLSTATE of its error. Of a statement that is committed, it is
	// that of the error that ended its wait.
	Code string
}

// journal follows what became of the statements of one session. Its methods are
// called with the ledger's lock held.
type journal struct {
	who     Activity // of every entry: who runs it
	observe func(Activity)

	open   []entry // done, but not committed
	failed bool    // an error came since the last ReadyForQuery
	marks  []mark  // savepoints of the transaction, the last is the innermost
	blind  bool    // of which savepoints there are not all are known
}

// entry is a statement in a transaction that is not over.
type entry struct {
	Activity
	shaken bool // a ROLLBACK came since: of all, or to a savepoint that is not known
}

// mark is a savepoint.
type mark struct {
	name string
	at   int // entries before it
}

// maxMarks bounds the savepoints that are followed.
const maxMarks = 10_000

func (j *journal) entry(s Statement) Activity {
	a := j.who
	a.At, a.Statement, a.Text = time.Now(), s.Name, s.Shown
	return a
}

// done takes the answer to a statement of ours.
func (j *journal) done(s Statement) {
	if s.Acts {
		j.open = append(j.open, entry{Activity: j.entry(s)})
	}
}

// unanswered takes a statement of ours whose answer will not be seen.
func (j *journal) unanswered(s Statement) {
	if s.Acts {
		a := j.entry(s)
		a.Outcome = Unknown
		j.observe(a)
	}
}

// error takes an error.
func (j *journal) error(e editedError) {
	j.failed = true
	if !e.ours || !e.statement.Acts {
		return
	}
	a := j.entry(e.statement)
	a.Outcome, a.Code = Failed, e.code
	if e.waited {
		a.Outcome = Committed
	}
	j.observe(a)
}

// tag takes the command tag of a statement that is not ours, and what its text says
// that it does, if that is known.
func (j *journal) tag(tag string, b Block) {
	switch tag {
	case "COMMIT":
		j.close(Committed, Unknown)
	case "PREPARE TRANSACTION":
		j.close(Unknown, Unknown)
	case "SAVEPOINT":
		if b.Kind != Savepoint || len(j.marks) == maxMarks {
			j.blind = true
			return
		}
		j.marks = append(j.marks, mark{b.Name, len(j.open)})
	case "RELEASE":
		if i := j.find(b.Name); b.Kind == Release && i >= 0 {
			j.marks = j.marks[:i]
			return
		}
		j.blind = true
	case "ROLLBACK":
		j.rollback(b)
	}
}

// rollback takes a ROLLBACK. Of one whose text is not known what comes next tells
// whether it was of all.
func (j *journal) rollback(b Block) {
	i := j.find(b.Name)
	switch {
	case b.Kind == Rollback:
		j.close(RolledBack, RolledBack)
	case b.Kind == RollbackTo && i >= 0 && !j.blind:
		rest := j.open[j.marks[i].at:]
		j.open, j.marks = j.open[:j.marks[i].at], j.marks[:i+1]
		j.report(rest, RolledBack, RolledBack)
	default:
		j.blind = true
		for i := range j.open {
			j.open[i].shaken = true
		}
	}
}

// find is the place of the innermost savepoint of a name, or -1.
func (j *journal) find(name string) int {
	for i := len(j.marks) - 1; i >= 0; i-- {
		if j.marks[i].name == name {
			return i
		}
	}
	return -1
}

// ready takes a ReadyForQuery with its transaction status.
func (j *journal) ready(status byte) {
	failed := j.failed
	j.failed = false
	switch {
	case status != 'I':
	case failed:
		j.close(RolledBack, RolledBack)
	default:
		j.close(Committed, RolledBack)
	}
}

// end takes the end of the session; pending says that something was not answered.
// An error without a ReadyForQuery ended the session, and rolled back.
func (j *journal) end(pending bool) {
	if pending && !j.failed {
		j.close(Unknown, Unknown)
	}
	j.close(RolledBack, RolledBack)
}

// close ends the transaction and reports what was open.
func (j *journal) close(outcome, shaken Outcome) {
	open := j.open
	j.open, j.marks, j.blind = nil, nil, false
	j.report(open, outcome, shaken)
}

// report tells the outcome of entries.
func (j *journal) report(list []entry, outcome, shaken Outcome) {
	for _, e := range list {
		if e.Outcome = outcome; e.shaken {
			e.Outcome = shaken
		}
		j.observe(e.Activity)
	}
}
