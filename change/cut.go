package change

import "slices"

// Waypoint is a partition's mark behind a record that was sent again. Such records
// are not among the events, and yet they move the mark: a batch that is cut behind
// one needs to know how.
type Waypoint struct {
	Part   int // index in Batch.Parts
	Offset int64
	Mark   Mark
	events int // of the batch, before it
}

// SentAgain notes that the record at an offset was sent before. mark is that of
// its partition, behind it.
func (b *Batch) SentAgain(part int, offset int64, mark Mark) {
	b.Skips = append(b.Skips, Skip{Part: int32(part), Reason: Repeated, Offset: offset})
	w := Waypoint{Part: part, Offset: offset, Mark: mark, events: len(b.Events)}
	if n := len(b.Resent); n > 0 && b.Resent[n-1].Part == part && b.Resent[n-1].events == w.events {
		b.Resent[n-1] = w // cuts lie at events: of several records between two, the last tells all
		return
	}
	b.Resent = append(b.Resent, w)
}

// Split cuts the batch before event i into two that, applied one after the
// other, equal it. The halves share the batch's memory.
func (b *Batch) Split(i int) (head, tail *Batch) {
	cut := b.Ends()
	for j := len(b.Events) - 1; j >= i; j-- {
		cut[b.Events[j].Part] = b.Events[j].Offset
	}
	return b.Cut(cut)
}

// Before cuts every partition before its first event for which holds is true, dead
// letters among them: what they confirm is written with their table's lock, too. The
// head lacks these events and all that follow them in their partitions. found has
// the first event of each partition that was cut.
func (b *Batch) Before(holds func(*Event) bool) (head, rest *Batch, found []Found) {
	cut := b.Ends()
	first := make([]*Event, len(b.Parts))
	look := func(ev *Event, part int, offset int64) {
		if ev.Target != nil && offset < cut[part] && holds(ev) {
			cut[part], first[part] = offset, ev
		}
	}
	for i := range b.Events {
		look(&b.Events[i], b.Events[i].Part, b.Events[i].Offset)
	}
	for i := range b.Dead {
		look(&b.Dead[i].Event, b.Dead[i].Part, b.Dead[i].Offset)
	}
	for part, ev := range first {
		if ev != nil {
			found = append(found, Found{part, ev})
		}
	}
	head, rest = b.Cut(cut)
	return head, rest, found
}

// Found is an event before which a partition was cut.
type Found struct {
	Part  int // index in Batch.Parts
	Event *Event
}

// Ends are the offsets behind the batch, by partition.
func (b *Batch) Ends() []int64 {
	cut := make([]int64, len(b.Parts))
	for p := range b.Parts {
		cut[p] = b.Parts[p].Next
	}
	return cut
}

// Cut cuts each partition at an offset: head holds what lies before it, tail the
// rest. Applied one after the other they equal the batch, if its events of
// different partitions may change places. They share its memory.
func (b *Batch) Cut(cut []int64) (head, tail *Batch) {
	head = &Batch{Parts: slices.Clone(b.Parts)}
	tail = &Batch{Parts: slices.Clone(b.Parts), Records: b.Records}
	head.Events, tail.Events = divide(b.Events, func(e *Event) bool { return e.Offset < cut[e.Part] })
	head.Dead, tail.Dead = divide(b.Dead, func(d *DeadLetter) bool { return d.Offset < cut[d.Part] })
	head.Skips, tail.Skips = divide(b.Skips, func(s *Skip) bool { return s.Offset < cut[s.Part] })
	head.Resent, tail.Resent = divide(b.Resent, func(w *Waypoint) bool { return w.Offset < cut[w.Part] })
	marks := head.marks()
	for p := range b.Parts {
		if cut[p] == b.Parts[p].Next {
			marks[p] = b.Parts[p].After
		}
		head.Parts[p].Next, tail.Parts[p].From = cut[p], cut[p]
		head.Parts[p].After, tail.Parts[p].Before = marks[p], marks[p]
	}
	return head, tail
}

// Forget takes all of a partition out of the batch, in place. It returns how many
// dead letters were among it.
func (b *Batch) Forget(part int) (letters int) {
	letters = len(b.Dead)
	b.Events = slices.DeleteFunc(b.Events, func(e Event) bool { return e.Part == part })
	b.Dead = slices.DeleteFunc(b.Dead, func(d DeadLetter) bool { return d.Part == part })
	b.Skips = slices.DeleteFunc(b.Skips, func(s Skip) bool { return int(s.Part) == part })
	b.Resent = slices.DeleteFunc(b.Resent, func(w Waypoint) bool { return w.Part == part })
	p := &b.Parts[part]
	p.Next, p.After = p.From, p.Before
	return letters - len(b.Dead)
}

// marks are the marks behind the batch's events.
func (b *Batch) marks() []Mark {
	marks := make([]Mark, len(b.Parts))
	known := make([]int64, len(b.Parts)) // offset that the mark lies behind
	for p := range b.Parts {
		marks[p], known[p] = b.Parts[p].Before, -1
	}
	for i := range b.Resent {
		marks[b.Resent[i].Part], known[b.Resent[i].Part] = b.Resent[i].Mark, b.Resent[i].Offset
	}
	for i := range b.Events {
		if ev := &b.Events[i]; ev.Offset > known[ev.Part] {
			marks[ev.Part].Accept(ev)
		}
	}
	return marks
}

// divide sorts the elements of a list into two lists. Where those of the first
// precede those of the second, as they mostly do, nothing is copied.
func divide[T any](list []T, first func(*T) bool) (a, b []T) {
	n := 0
	for n < len(list) && first(&list[n]) {
		n++
	}
	a, b = list[:n:n], list[n:]
	for i := range b {
		if first(&b[i]) {
			b = nil
			for j := n; j < len(list); j++ {
				if first(&list[j]) {
					a = append(a, list[j])
				} else {
					b = append(b, list[j])
				}
			}
			return a, b
		}
	}
	return a, b
}
