package pgwire

import "time"

// Outcome is what became of a statement.
type Outcome string

// Outcomes of a statement that changes something.
const (
	Committed  Outcome = "committed"
	Failed     Outcome = "failed"
	RolledBack Outcome = "rolled back"
	// Unknown is the outcome when the session broke off before COMMIT was
	// answered, or when a part of the transaction was rolled back.
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
	Code        string // SQLSTATE of its error
}

// journal follows what became of the statements of one session. Its methods are
// called with the ledger's lock held.
type journal struct {
	who     Activity // of every entry: who runs it
	observe func(Activity)

	open   []entry // done, but not committed
	failed bool    // an error came since the last ReadyForQuery
}

// entry is a statement in a transaction that is not over.
type entry struct {
	Activity
	shaken bool // a ROLLBACK came since: of all, or to a savepoint
}

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

// error takes an error; ours says that it is the given statement's.
func (j *journal) error(s Statement, ours bool, code string) {
	j.failed = true
	if ours && s.Acts {
		a := j.entry(s)
		a.Outcome, a.Code = Failed, code
		j.observe(a)
	}
}

// tag takes the command tag of a statement that is not ours. A ROLLBACK of all and
// one to a savepoint have the same; what comes next tells them apart, but for a
// COMMIT.
func (j *journal) tag(tag string) {
	if len(j.open) == 0 {
		return
	}
	switch tag {
	case "COMMIT":
		j.close(Committed, Unknown)
	case "PREPARE TRANSACTION":
		j.close(Unknown, Unknown)
	case "ROLLBACK":
		for i := range j.open {
			j.open[i].shaken = true
		}
	case "BEGIN", "START TRANSACTION":
		open := j.open
		j.open = nil
		for _, e := range open {
			if !e.shaken {
				j.open = append(j.open, e)
				continue
			}
			e.Outcome = RolledBack
			j.observe(e.Activity)
		}
	}
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
func (j *journal) end(pending bool) {
	if pending {
		j.close(Unknown, Unknown)
	}
	j.close(RolledBack, RolledBack)
}

// close reports what was open.
func (j *journal) close(outcome, shaken Outcome) {
	for _, e := range j.open {
		if e.Outcome = outcome; e.shaken {
			e.Outcome = shaken
		}
		j.observe(e.Activity)
	}
	j.open = nil
}
