package change

// SkipReason says why a record is no event to apply.
type SkipReason uint8

// Reasons of a Skip: the tombstone of a delete, whose event came before; no change
// event, such as a heartbeat, a transaction mark or a message; of a table that a
// filter rejects; sent again by a restarted connector.
const (
	Tombstone SkipReason = iota
	Ignored
	Filtered
	Repeated
)

// Skip is a record of a batch that is no event to apply. It is kept, and not only
// counted, so that a batch that is cut is counted once.
type Skip struct {
	Part   int32 // index in Batch.Parts
	Reason SkipReason
	Offset int64
	Last   *Event // without table and row, of the last record of a snapshot; nil: of any other record
}

// Counts are what became of records beside the events that were applied.
type Counts struct {
	Tombstones int64
	Ignored    int64
	Filtered   int64
	Repeated   int64
	Repaired   int64 // values in which characters were replaced by U+FFFD
	Nulled     int64 // values that were replaced by NULL
}

// Add adds o to c.
func (c *Counts) Add(o Counts) {
	c.Tombstones += o.Tombstones
	c.Ignored += o.Ignored
	c.Filtered += o.Filtered
	c.Repeated += o.Repeated
	c.Repaired += o.Repaired
	c.Nulled += o.Nulled
}

// Subtract takes o away from c.
func (c *Counts) Subtract(o Counts) {
	c.Add(Counts{-o.Tombstones, -o.Ignored, -o.Filtered, -o.Repeated, -o.Repaired, -o.Nulled})
}

// Counts counts the batch's skipped records and the changed values of its events.
func (b *Batch) Counts() Counts {
	var n [Repeated + 1]int64
	for i := range b.Skips {
		n[b.Skips[i].Reason]++
	}
	c := Counts{Tombstones: n[Tombstone], Ignored: n[Ignored], Filtered: n[Filtered], Repeated: n[Repeated]}
	for i := range b.Events {
		c.Repaired += int64(b.Events[i].Repaired)
		c.Nulled += int64(b.Events[i].Nulled)
	}
	return c
}
