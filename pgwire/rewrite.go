package pgwire

// Settings are the session settings that say how a text is read.
type Settings struct {
	StandardConformingStrings bool
	// Settled is false while an unanswered message may yet change a setting.
	Settled        bool
	ClientEncoding string
}

// Rewriter finds statements in the text of one message that the backend does
// not know, and puts its own in their place. It returns nil to pass the text on
// as it is. It is called by many sessions at once.
type Rewriter func(text string, s Settings) *Rewriting

// Rewriting is what became of a text.
type Rewriting struct {
	// Text is what the backend is sent.
	Text string
	// Statements are those that were replaced, in order.
	Statements []Statement
	// Position turns a character position in Text into one in the client's
	// text, and gives the place in Statements of the one it is in, or -1. It
	// must be set unless Malformed is.
	Position func(sent int) (client, inside int)
	// Malformed is set if Text is the client's own, or a beginning of it that fails
	// in the same way, because one of its statements is wrong.
	Malformed *Malformed
	// Doubt is set if Text is so because it is not certain how the backend reads
	// it: a hint to add to a syntax error.
	Doubt string
	// Sealed are the numbers of the parameters whose values go through Seal.
	Sealed []int
	// Seal encrypts a secret; must be set if Sealed is.
	Seal func(secret string) string
	// Blocks are the backend's own statements in the text that begin or undo a part
	// of a transaction, as far as they are known.
	Blocks []IndexedBlock
}

// BlockKind is what a statement of the backend does with a part of a transaction.
type BlockKind uint8

// Kinds of a Block.
const (
	NoBlock    BlockKind = iota // nothing, or it is not known
	Savepoint                   // begins one
	Release                     // makes one a part of what it is in
	RollbackTo                  // undoes one, and what began in it
	Rollback                    // undoes all
)

// Block is such a statement, with the name of its savepoint.
type Block struct {
	Kind BlockKind
	Name string
}

// IndexedBlock is a Block with its place among the message's statements that are
// not empty.
type IndexedBlock struct {
	Index int
	Block Block
}

// block is what the message's statement at an index does.
func (r *Rewriting) block(index int) Block {
	if r != nil {
		for _, b := range r.Blocks {
			if b.Index == index {
				return b.Block
			}
		}
	}
	return Block{}
}

// replaces says that the backend is sent another text than the client's.
func (r *Rewriting) replaces() bool { return r != nil && r.Malformed == nil && r.Doubt == "" }

// differs says that the backend is sent another text than the client's, if only
// less of it.
func (r *Rewriting) differs(text string) bool { return r != nil && r.Text != text }

// Statement is a statement that was replaced.
type Statement struct {
	Index int    // its place among the message's statements that are not empty
	Name  string // its name for messages
	Tag   string // its command tag, or empty to keep the backend's
	Alone bool   // it ends transactions, and so may not stand in one
	Waits string // the routine in which it waits for what it has done, if it does
	Acts  bool   // it changes something
	Shown string // its text for people, without secrets
}

// Malformed is the error to show in place of the backend's syntax error.
type Malformed struct {
	Statement           Statement
	Code, Message, Hint string
	Position            int // in characters of the client's text
	// First is where the first unknown statement begins; a syntax error before
	// it is the backend's own to tell.
	First int
}
