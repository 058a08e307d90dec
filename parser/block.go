package parser

import "strings"

// BlockKind is what a statement of PostgreSQL's does with a part of a transaction.
type BlockKind uint8

// Kinds of a Block.
const (
	NoBlock    BlockKind = iota
	Savepoint            // SAVEPOINT name
	Release              // RELEASE name
	RollbackTo           // ROLLBACK TO name
	Rollback             // ROLLBACK of all
)

// Block is such a statement. PostgreSQL's command tags do not tell which savepoint
// is meant, nor ROLLBACK from ROLLBACK TO.
type Block struct {
	Kind BlockKind
	Name string // of the savepoint
}

// IndexedBlock is a Block with its place among a message's statements.
type IndexedBlock struct {
	Index int
	Block Block
}

// maxBlock is the longest text that is looked at for a single one, in bytes.
const maxBlock = 300

// BlockOf is what a message of one statement does with a part of a transaction.
func BlockOf(message string) Block {
	if len(message) > maxBlock || !mayBeBlock(message) || !boundedWork(message) || strings.IndexByte(message, 0) >= 0 {
		return Block{}
	}
	tokens, ok := scan(message)
	if !ok {
		return Block{}
	}
	if statements, ok := split(message, tokens); ok && len(statements) == 1 {
		return blockOf(message, statements[0])
	}
	return Block{}
}

// blockWords begin the statements that are a Block.
var blockWords = []string{"savepoint", "release", "rollback", "abort"}

// mayBeBlock looks at the first word, and at what cannot be a part of one.
func mayBeBlock(message string) bool {
	at := skipBlank(message, 0)
	end := at
	for end < len(message) && isWordByte(message[end]) {
		end++
	}
	for _, w := range blockWords {
		if strings.EqualFold(message[at:end], w) {
			return !strings.ContainsFunc(message, func(r rune) bool { return r >= 0x80 || r == '\\' })
		}
	}
	return false
}

// blockOf reads
//
//	SAVEPOINT name
//	RELEASE [SAVEPOINT] name
//	{ROLLBACK | ABORT} [WORK | TRANSACTION] [TO [SAVEPOINT] name | AND [NO] CHAIN]
func blockOf(message string, s statement) Block {
	c := &cursor{text: message, statement: s}
	kind := NoBlock
	switch {
	case c.accept("savepoint"):
		kind = Savepoint
	case c.accept("release"):
		kind = Release
	case c.accept("rollback"), c.accept("abort"):
		if !c.accept("work") {
			c.accept("transaction")
		}
		kind = Rollback
		if c.accept("to") {
			kind = RollbackTo
		} else if !c.accept("and", "no", "chain") {
			c.accept("and", "chain")
		}
	}
	b := Block{Kind: kind}
	if kind == Release || kind == RollbackTo {
		if len(c.tokens)-c.next > 1 { // a savepoint may be called savepoint
			c.accept("savepoint")
		}
	}
	if kind != Rollback && kind != NoBlock {
		name, err := c.part()
		if err != nil || len(name) > maxName {
			return Block{}
		}
		b.Name = name
	}
	if c.next != len(c.tokens) {
		return Block{}
	}
	return b
}
