package warehouse

import (
	"bytes"

	"metadb/change"
)

// A dead letter's event may be brought back after later events of its key: then it
// must not take their place, nor bring a row to life that was deleted meanwhile.
// History alone cannot tell, since a delete that finds no row leaves none. So the
// first event of the same key that is applied after a letter leaves its time with
// the letter, in its own transaction.

// overtaking is what a batch does to dead letters.
type overtaking struct {
	stored map[int64]int64 // time of the event that overtook a stored letter, ms
	dead   map[int]int64   // the same of a letter of this batch, by its index
	// anew are the events that must begin a version even where the row is as they
	// say, so that what lies before them can be told from what lies behind.
	anew   map[*change.Event]bool
	hashes [][]byte // of the letters of this batch
	// unsettled is by table the time of the last truncate among the letters, ms.
	unsettled map[tableName]int64
}

// mustBegin says whether an event must begin a version though a row that began at
// the given time, µs since 2000, is as it says already.
func (o *overtaking) mustBegin(ev *change.Event, start int64) bool {
	if o == nil {
		return false
	}
	truncated, unsettled := o.unsettled[tableName{ev.Schema, ev.Table}]
	return o.anew[ev] || unsettled && start <= micros(truncated)
}

// overtaken finds which letters, stored or of this batch, the batch's events of
// tables with a key overtake. It returns nil when there is no letter.
func (a *Applier) overtaken(b *change.Batch) *overtaking {
	if a.open.empty() && len(b.Dead) == 0 {
		return nil
	}
	o := &overtaking{
		stored: make(map[int64]int64), dead: make(map[int]int64),
		anew: make(map[*change.Event]bool), unsettled: make(map[tableName]int64),
	}
	for n, list := range a.open.truncates {
		for _, ts := range list {
			o.unsettled[n] = max(o.unsettled[n], ts)
		}
	}
	dead := make(map[tableName][]int)
	for i := range b.Dead {
		d := &b.Dead[i]
		n := tableName{d.Schema, d.Table}
		dead[n] = append(dead[n], i)
		o.hashes = append(o.hashes, a.letterHash(d))
		if d.Event.Op == change.Truncate {
			o.unsettled[n] = max(o.unsettled[n], d.Event.TsMs)
		}
	}
	for i := range b.Events {
		ev := &b.Events[i]
		n := tableName{ev.Schema, ev.Table}
		if len(a.open.byTable[n]) == 0 && len(dead[n]) == 0 {
			continue
		}
		if ev.Op == change.Truncate {
			o.truncate(a, b, ev, dead[n])
			continue
		}
		t := a.tables[tableName{ev.Target.Schema, ev.Target.Table}]
		if ev.KeyShape == nil && (t == nil || len(t.key) == 0) {
			if t == nil && ev.Op == change.Delete {
				o.missed(a, b, ev)
			}
			continue // only one that finds no row overtakes
		}
		key, ok := letterKeyOf(t, ev)
		if !ok {
			continue
		}
		for _, l := range a.open.byKey[key] {
			o.note(l.id, ev)
		}
		for _, i := range dead[n] {
			if d := &b.Dead[i]; d.Event.Op != change.Truncate && d.Part == ev.Part && d.Offset < ev.Offset && bytes.Equal(o.hashes[i], key.hash[:]) {
				o.noteDead(i, ev)
			}
		}
	}
	return o
}

// truncate notes that a truncate overtakes all letters of its table. In a topic of
// several partitions the table's own list of truncates says which it covers.
func (o *overtaking) truncate(a *Applier, b *change.Batch, ev *change.Event, dead []int) {
	if b.Parts[ev.Part].Shared {
		return
	}
	for _, l := range a.open.byTable[tableName{ev.Schema, ev.Table}] {
		o.note(l.id, ev)
	}
	for _, i := range dead {
		if d := &b.Dead[i]; d.Event.Op != change.Truncate && d.Part == ev.Part && d.Offset < ev.Offset {
			o.noteDead(i, ev)
		}
	}
}

func (o *overtaking) note(id int64, ev *change.Event) {
	if _, known := o.stored[id]; !known {
		o.stored[id] = ev.TsMs
		o.anew[ev] = true
	}
}

func (o *overtaking) noteDead(i int, ev *change.Event) {
	if _, known := o.dead[i]; !known {
		o.dead[i] = ev.TsMs
		o.anew[ev] = true
	}
}

// missed notes an event of a table without a key that found no row to end: it may
// have meant that of a letter, the earliest that is equal.
func (o *overtaking) missed(a *Applier, b *change.Batch, ev *change.Event) {
	if o == nil || ev.Before == nil {
		return
	}
	hash, ok := hashOf(ev.Shape, ev.Before, nil)
	if !ok {
		return
	}
	for _, l := range a.open.byKey[letterKey{ev.Schema, ev.Table, hash}] {
		if _, known := o.stored[l.id]; !known {
			o.stored[l.id] = ev.TsMs
			return
		}
	}
	for i := range b.Dead {
		d := &b.Dead[i]
		_, known := o.dead[i]
		if !known && d.Schema == ev.Schema && d.Table == ev.Table && d.Part == ev.Part && d.Offset < ev.Offset && bytes.Equal(o.hashes[i], hash[:]) {
			o.dead[i] = ev.TsMs
			return
		}
	}
}
