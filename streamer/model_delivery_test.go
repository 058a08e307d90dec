package streamer

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

// modelDelivery is how a source's log reaches us: what the connector writes, which
// repeats itself after each of its restarts, and how we read and die.
type modelDelivery struct {
	tables  []*modelTable
	log     []*modelEvent
	sent    []sentRecord
	batches []modelBatch
}

// sentRecord is a record as the broker got it, in order.
type sentRecord struct {
	event *modelEvent
	*kgo.Record
	after []int // records that must have been read before this one, by their place
}

// modelBatch is what we read at a time: the places of its records, in order.
type modelBatch struct {
	records []int
	crash   int  // die at this point of the program, counted from 1; 0: do not
	again   int  // records in a batch after the crash
	restart bool // begin a new run before it
}

// drawDelivery draws how a log is sent and read.
func drawDelivery(rt *rapid.T, s *modelSource) *modelDelivery {
	d := &modelDelivery{log: s.log}
	for _, t := range s.tables {
		d.tables = append(d.tables, t.modelTable)
	}
	d.drawSends(rt, s.quiet, s.snapshots)
	d.drawReads(rt)
	return d
}

// drawSends draws the connector's runs. Each but the first begins again somewhere
// before the end of the last.
func (d *modelDelivery) drawSends(rt *rapid.T, quiet []int, snapshots []modelSnapshot) {
	clock := int64(1_700_000_000_000) // of the connector
	first := make(map[*modelEvent]int)
	barrier := -1 // place up to which everything must have been read
	next, forgot := 0, false
	for next < len(d.log) {
		e := d.log[next]
		if _, again := first[e]; !again && len(quiet) > 0 && next >= quiet[0] {
			barrier, quiet = len(d.sent)-1, quiet[1:]
		}
		d.send(rt, e, clock, forgot, barrier, first)
		forgot = false
		clock++
		next++
		// A snapshot that was completed is not gone through again.
		streamed := 0 // place of the first event behind the last snapshot
		for _, s := range snapshots {
			if next > s.from {
				streamed = s.to
			}
		}
		if next > streamed && rapid.IntRange(0, 30).Draw(rt, "connector restarts") == 30 {
			next -= rapid.IntRange(1, next-streamed).Draw(rt, "sent again")
			// It goes back to a position, which all rows of a COPY page share. Where one has
			// no key, sent again from the middle it could not be told from more of the page.
			for next > streamed && d.log[next].sharesPlace(d.log[next-1]) {
				next--
			}
			clock += 5000
			forgot = rapid.IntRange(0, 3).Draw(rt, "offsets lost") == 3
		}
	}
}

// send writes an event, and the tombstone behind a delete.
func (d *modelDelivery) send(rt *rapid.T, e *modelEvent, clock int64, forgot bool, barrier int, first map[*modelEvent]int) {
	partition := e.partition()
	if (e.op == 't' || e.unkeyed()) && e.table.partitions > 1 {
		partition = int32(rapid.IntRange(0, e.table.partitions-1).Draw(rt, "partition"))
	}
	r := sentRecord{event: e, Record: e.record(partition, clock, forgot)}
	if barrier >= 0 {
		r.after = append(r.after, barrier)
	}
	if e.oldKey != nil && len(e.unsent) > 0 {
		// Values that only the other half's partition has: read before it they are
		// not known (docs/design.md, "What is not done yet").
		r.after = append(r.after, len(d.sent)-1)
	}
	if e.before != nil && e.table.partitions > 1 {
		// What ends a row without a key, read before what began it, finds none.
		for i, s := range slices.Backward(d.sent) {
			if s.event.table == e.table && s.event.row != nil && e.ends(s.event.row) {
				r.after = append(r.after, i)
				break
			}
		}
	}
	if e.damaged() {
		// Its key comes with the snapshot; what waits for it is not modelled.
		r.after = append(r.after, slices.IndexFunc(d.sent, func(s sentRecord) bool { return s.event.table == e.table }))
	}
	if _, again := first[e]; !again {
		first[e] = len(d.sent)
	}
	d.sent = append(d.sent, r)
	if e.op == 'd' && !e.unkeyed() {
		d.sent = append(d.sent, sentRecord{event: e, Record: e.tombstone(partition)})
	}
}

// partition is the one that the event's key belongs to.
func (e *modelEvent) partition() int32 {
	h := uint32(0)
	for _, c := range e.key.id() {
		h = h*31 + uint32(c)
	}
	return int32(h % uint32(e.table.partitions))
}

// drawReads draws the order in which the partitions are read, and the batches.
func (d *modelDelivery) drawReads(rt *rapid.T) {
	type queue struct{ places []int }
	var queues []*queue
	byPartition := make(map[partition]*queue)
	for i, r := range d.sent {
		p := partition{r.Topic, r.Partition}
		if byPartition[p] == nil {
			byPartition[p] = &queue{}
			queues = append(queues, byPartition[p])
		}
		byPartition[p].places = append(byPartition[p].places, i)
	}
	largest := rapid.SampledFrom([]int{2, 5, 20, 100}).Draw(rt, "largest batch")
	read := 0 // all records before this place are read
	done := make([]bool, len(d.sent))
	for read < len(d.sent) {
		b := modelBatch{restart: rapid.IntRange(0, 39).Draw(rt, "restart") == 39}
		size := rapid.IntRange(1, largest).Draw(rt, "batch")
		for len(b.records) < size && read < len(d.sent) {
			q := queues[rapid.IntRange(0, len(queues)-1).Draw(rt, "read partition")]
			if len(q.places) == 0 || !d.ready(q.places[0], read) {
				// What was sent first can always be read.
				q = byPartition[partition{d.sent[read].Topic, d.sent[read].Partition}]
			}
			for range rapid.IntRange(1, 5).Draw(rt, "run") {
				if len(q.places) == 0 || len(b.records) == size || !d.ready(q.places[0], read) {
					break
				}
				b.records, done[q.places[0]] = append(b.records, q.places[0]), true
				q.places = q.places[1:]
				for read < len(d.sent) && done[read] {
					read++
				}
			}
		}
		if rapid.IntRange(0, 19).Draw(rt, "dies") == 19 {
			b.crash = rapid.IntRange(1, 40).Draw(rt, "point")
			b.again = rapid.IntRange(1, largest).Draw(rt, "batch after the crash")
		}
		d.batches = append(d.batches, b)
	}
}

// ready says whether what must be read before a record has been.
func (d *modelDelivery) ready(place, read int) bool {
	return !slices.ContainsFunc(d.sent[place].after, func(a int) bool { return a >= read })
}

// String shows the delivery in a failing test's log.
func (d *modelDelivery) String() string {
	text := ""
	for _, t := range d.tables {
		text += fmt.Sprintf("topics %q: %d partitions\n", t.topics(), t.partitions)
	}
	for _, b := range d.batches {
		text += "batch"
		if b.restart {
			text += " of a new run"
		}
		if b.crash > 0 {
			text += fmt.Sprintf(" that dies at point %d and goes on by %d", b.crash, b.again)
		}
		text += "\n"
		for _, i := range b.records {
			r := d.sent[i]
			if r.Value == nil {
				text += fmt.Sprintf("  %d: partition %d, tombstone\n", i, r.Partition)
				continue
			}
			text += fmt.Sprintf("  %d: partition %d, %v\n", i, r.Partition, r.event)
		}
	}
	return text
}
