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
}

// Skipped counts the records of a batch that are no events to apply.
type Skipped struct {
	Tombstones int // of deletes, whose event came before
	Ignored    int // no change events: heartbeats, transactions, messages
	Filtered   int // of tables that a filter rejects
	Repeated   int // sent again by a restarted connector
}

// Batch is a run of events from the partitions of one source that the warehouse
// applies, together with their positions, in one transaction. Events keep the
// order of their arrival.
type Batch struct {
	Parts   []Part
	Events  []Event
	Dead    []DeadLetter
	Records int // records read, whether or not they became events
	Skipped Skipped
	Arena   Arena
}

// Split cuts the batch before event i into two that, applied one after the
// other, equal it. The halves share the batch's memory.
func (b *Batch) Split(i int) (head, tail *Batch) {
	head = &Batch{Events: b.Events[:i:i], Parts: make([]Part, len(b.Parts))}
	tail = &Batch{Events: b.Events[i:], Parts: make([]Part, len(b.Parts)), Records: b.Records, Skipped: b.Skipped}
	cut := make([]int64, len(b.Parts))
	for p, part := range b.Parts {
		cut[p] = part.Next
	}
	for j := len(tail.Events) - 1; j >= 0; j-- {
		cut[tail.Events[j].Part] = tail.Events[j].Offset
	}
	marks := make([]Mark, len(b.Parts))
	for p := range b.Parts {
		marks[p] = b.Parts[p].Before
	}
	for j := range head.Events {
		marks[head.Events[j].Part].Accept(&head.Events[j])
	}
	for p, part := range b.Parts {
		head.Parts[p], tail.Parts[p] = part, part
		head.Parts[p].Next, tail.Parts[p].From = cut[p], cut[p]
		if cut[p] == part.Next {
			marks[p] = part.After
		}
		head.Parts[p].After, tail.Parts[p].Before = marks[p], marks[p]
	}
	for _, d := range b.Dead {
		if d.Offset < cut[d.Part] {
			head.Dead = append(head.Dead, d)
		} else {
			tail.Dead = append(tail.Dead, d)
		}
	}
	return head, tail
}
