package warehouse

import (
	"encoding/binary"

	"github.com/jackc/pgx/v5/pgconn"

	"metadb/change"
)

// addDead stores the batch's dead letters, and what its events have overtaken. ids
// are set to those of the letters when the trip has been run.
func (a *Applier) addDead(t *trip, b *change.Batch, o *overtaking, ids []int64) {
	if o == nil {
		return
	}
	for i := range b.Dead {
		d := &b.Dead[i]
		p := b.Parts[d.Part]
		at := d.Event.TsMs
		if at == 0 {
			at = d.Timestamp
		}
		var next []byte
		if ts, ok := o.dead[i]; ok {
			next = int64Bytes(ts)
		}
		t.add(step{
			what: "store dead letter", stmt: stmtDeadItems,
			params: [][]byte{
				[]byte(a.source), []byte(p.Topic), int32Bytes(p.Partition), int64Bytes(d.Offset), int64Bytes(d.Timestamp),
				[]byte(d.Schema), []byte(d.Table), d.Key, d.Value, []byte(d.Reason),
				[]byte(opWord(d.Event.Op)), int64Bytes(at), o.hashes[i], next,
				int32Bytes(a.opt.Stream.Number), []byte(lost(d)),
			},
			read: func(r *pgconn.ResultReader) error {
				for r.NextRow() {
					ids[i] = int64(binary.BigEndian.Uint64(r.Values()[0]))
				}
				return nil
			},
		})
	}
	if len(o.stored) == 0 {
		return
	}
	var letters, times []int64
	for id, ts := range o.stored {
		letters, times = append(letters, id), append(times, ts)
	}
	t.add(step{what: "note overtaken dead letters", stmt: stmtOvertaken, params: [][]byte{int64Array(letters), int64Array(times)}})
}

// stored takes in what a batch that is committed has done to letters.
func (a *Applier) stored(b *change.Batch, o *overtaking, ids []int64) {
	if o == nil {
		return
	}
	overtaken := make([]int64, 0, len(o.stored))
	for id := range o.stored {
		overtaken = append(overtaken, id)
	}
	a.open.remove(overtaken)
	for i := range b.Dead {
		d := &b.Dead[i]
		if _, ok := o.dead[i]; !ok || d.Event.Op == change.Truncate {
			a.open.add(ids[i], tableName{d.Schema, d.Table}, d.Event.Op == change.Truncate, d.Event.TsMs, o.hashes[i])
		}
	}
}

// opWord is the operation as the catalog has it, ” if it is not known.
func opWord(op change.Op) string {
	if op == change.NoOp {
		return ""
	}
	return op.String()
}

// lost says what is missing while a letter is not applied: rows that the source has
// ended are still current. It is ” for one that only brings a row. A record of
// which not even the operation can be read may be a delete, and counts as one.
func lost(d *change.DeadLetter) string {
	table := ""
	if d.Table != "" {
		table = " of " + d.Schema + "." + d.Table
	}
	switch d.Event.Op {
	case change.Delete, change.Truncate:
		return "a " + d.Event.Op.String() + table
	case change.NoOp:
		return "an event" + table + " that cannot be read"
	case change.Create, change.Read, change.Update: // these only bring rows
	}
	return ""
}
