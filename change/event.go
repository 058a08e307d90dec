package change

import "slices"

// Op says what an event did to its row.
type Op uint8

// Create, Read (a snapshot row) and Update write the row of a key and are equal
// in effect. Delete ends it. Truncate ends every row of the table.
const (
	NoOp Op = iota
	Create
	Read
	Update
	Delete
	Truncate
)

// String is the operation's word in logs and dead letters.
func (o Op) String() string {
	return [...]string{"none", "create", "read", "update", "delete", "truncate"}[o]
}

// Snapshot is the connector's snapshot mark of an event.
type Snapshot uint8

// The marks of Debezium's source.snapshot, in its spelling: false or absent,
// true, first, first_in_data_collection, last_in_data_collection, last,
// incremental. Debezium 1.9 writes only true and last.
const (
	Streamed Snapshot = iota
	InSnapshot
	FirstOfSnapshot
	FirstOfTable
	LastOfTable
	LastOfSnapshot
	Incremental
)

// Column is one column of an event's row.
type Column struct {
	Name string
	Type Type
	Note string // what it holds, where the type does not tell; becomes its comment
}

// Shape is the ordered column list of a row or of a key. It is immutable and
// shared: one decoder returns the same pointer for the same list, so plans are
// cached by pointer.
type Shape struct {
	Columns []Column
}

// SameNames says whether two shapes have columns of the same names.
func (s *Shape) SameNames(o *Shape) bool {
	if s == o {
		return true
	}
	return len(s.Columns) == len(o.Columns) && !slices.ContainsFunc(s.Columns, func(c Column) bool {
		return !slices.ContainsFunc(o.Columns, func(d Column) bool { return c.Name == d.Name })
	})
}

// Position is the place of a change in its source's own order.
type Position struct {
	LSN       uint64 // of the change itself
	CommitLSN uint64 // end of the last commit before its transaction in the stream
	TxID      int64
	HasLSN    bool // false: incremental snapshot rows, sources without one
	HasCommit bool // false: first transaction after a snapshot or a new slot
}

// Confirmation is what the events of one snapshot attempt, and those that follow it,
// leave with the rows that they write or find as they say.
type Confirmation struct {
	Number  int32  // of the attempt
	SinceMs int64  // source time at which the snapshot was taken, ms; 0: not known
	LSN     uint64 // of the snapshot; 0: not known
}

// Event is one change of one row. Tuples live in the Arena they were decoded into.
type Event struct {
	Op       Op
	Snapshot Snapshot

	Schema string // source schema, as the source spells it
	Table  string // source table, as the source spells it

	Connector string // source.name: the prefix of its topics; "" if it is not told

	TsMs   int64 // source.ts_ms: commit time of the change, ms since 1970 UTC
	SentMs int64 // ts_ms of the envelope: when the connector handled it; 0 if absent
	Pos    Position

	Shape *Shape // columns of Row and Before; nil for Delete with a key and Truncate
	Row   Tuple  // Create, Read, Update: the row after the change

	KeyShape *Shape // nil: the table has no key, or it was lost
	Key      Tuple  // values of the key columns, in KeyShape's order
	OldKey   Tuple  // Create after a change of key: the key that the row had before, if sent
	KeyLost  bool   // the connector has damaged the table's name, and sends no key of such tables
	Before   Tuple  // Update and Delete without a key: the row before the change, if sent

	Repaired int // values in which unstorable characters were replaced by U+FFFD
	Nulled   int // values that no column could take, replaced by NULL as the source's options say

	Target *Target // where the row goes; set by the streamer

	Confirms *Confirmation // of the synchronization whose rows the event confirms; nil: of none; set by the warehouse

	Part   int   // index of the event's partition in Batch.Parts
	Offset int64 // of its record
}
