package change

// Target is the warehouse table an event belongs to, after filters, prefixes and
// origins. The streamer shares one pointer for equal targets.
type Target struct {
	Schema string // warehouse schema
	Table  string // current table, without the main table's "__"
	Origin string // value of __origin; "" for none
}

// Part is one Kafka partition's share of a batch.
type Part struct {
	Topic     string
	Partition int32
	Shared    bool  // the topic has other partitions: events of one table come out of order
	From      int64 // stored position before the batch: what the commit compares with
	Next      int64 // position after the batch
	Before    Mark  // mark at From
	After     Mark  // mark at Next
}

// DeadLetter is a record that could not become an event.
type DeadLetter struct {
	Part       int // index in Batch.Parts
	Offset     int64
	Timestamp  int64 // broker time, ms
	Schema     string
	Table      string
	Key, Value []byte // the record as it came; nil for null
	Reason     string
	Event      Event // as far as it could be read; Op is NoOp if not even that
}

// Batch is a run of events from the partitions of one source that the warehouse
// applies, together with their positions, in one transaction. Events keep the
// order of their arrival.
type Batch struct {
	Parts   []Part
	Events  []Event
	Dead    []DeadLetter
	Skips   []Skip
	Resent  []Waypoint
	Records int // records read, whether or not they became events
	Arena   Arena
}
