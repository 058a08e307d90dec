package warehouse

import (
	"context"
	"encoding/binary"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"metadb/change"
)

// confirmLetters lets the batch's dead letters confirm the rows of their keys: a row
// lives whose event could not be applied (rule R29). Where the key is not known, an
// endsync of the table waits until the letter is resolved.
func (a *Applier) confirmLetters(ctx context.Context, b *change.Batch, ledger map[int32]*ledgerEntry) error {
	if !a.sync.on {
		return nil
	}
	t := &trip{conn: a.conn.PgConn()}
	for i := range b.Dead {
		d := &b.Dead[i]
		ev := &d.Event
		if ev.Confirms == nil || ev.Op == change.Delete || ev.Op == change.Truncate {
			continue
		}
		var table *table
		if ev.Target != nil {
			table = a.tables[tableName{ev.Target.Schema, ev.Target.Table}]
		}
		if ev.Target != nil && table == nil {
			continue // it has no rows
		}
		if table == nil || !a.addConfirmLetter(t, table, ev, &b.Arena, ledger) {
			a.addUnknownLetter(t, b, d)
		}
	}
	if len(t.steps) == 0 {
		return nil
	}
	a.opt.Reached("letters.before")
	return t.run(ctx)
}

// addConfirmLetter asks for the current row of a letter's key; false when its key
// cannot be told.
func (a *Applier) addConfirmLetter(t *trip, table *table, ev *change.Event, arena *change.Arena, ledger map[int32]*ledgerEntry) bool {
	if len(table.key) == 0 || ev.KeyShape == nil || ev.Key == nil || len(ev.KeyShape.Columns) != len(table.key) {
		return false
	}
	l := newLane(table, ev.Target.Origin)
	key, err := l.deleteKey(ev.KeyShape, ev.Key, arena)
	if err != nil {
		return false
	}
	where, params := "", [][]byte{[]byte(l.origin)}
	oids := []uint32{change.Text.OID()}
	for k, i := range table.key {
		if key[k] == nil {
			return false
		}
		c := table.columns[i]
		oids, params = append(oids, c.Type.OID()), append(params, key[k])
		where += " AND c." + quote(c.Name) + " = $" + strconv.Itoa(len(params))
	}
	entry := entryOf(ledger, table.id)
	t.add(step{
		what: "confirm row of a dead letter", oids: oids, params: params,
		sql: "SELECT c.__id FROM " + table.current() + " c WHERE c.__origin = $1" + where,
		read: func(r *pgconn.ResultReader) error {
			for r.NextRow() {
				id := int64(binary.BigEndian.Uint64(r.Values()[0]))
				entry.confirmed.marks = append(entry.confirmed.marks, markOf(id, ev))
				entry.confirmed.unconfirmed--
			}
			return nil
		},
	})
	return true
}

// addUnknownLetter keeps an endsync of the letter's table waiting.
func (a *Applier) addUnknownLetter(t *trip, b *change.Batch, d *change.DeadLetter) {
	schema, table := "", ""
	if to := d.Event.Target; to != nil {
		schema, table = to.Schema, to.Table
	}
	p := b.Parts[d.Part]
	text, int4, int8 := change.Text.OID(), change.Int4.OID(), change.Int8.OID()
	t.add(step{
		what: "note dead letter without a key",
		sql: `INSERT INTO metadb.sync_letter (source, generation, topic, partition, "offset", schema_name, table_name)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
		oids: []uint32{text, int4, text, int4, int8, text, text},
		params: [][]byte{
			[]byte(a.source), int32Bytes(a.sync.generation), []byte(p.Topic), int32Bytes(p.Partition), int64Bytes(d.Offset),
			[]byte(schema), []byte(table),
		},
	})
}
