package warehouse

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"metadb/change"
)

// Snapshots spell a table's name right; the connector damages it in streamed events, if
// it is not ASCII, which so have a topic of their own and have lost their key (rule R12).
// Nothing says which of the two topics is read first. An end that comes before what
// it ends is kept (metadb.early_end): a row that comes later and lies before it in the
// source has ended already.

// earlyEnd is a delete that may have come before the row that it ends.
type earlyEnd struct {
	key   []byte // hash of the key
	place truncation
}

// afar says whether other events of the event's table come by another topic.
func afar(ev *change.Event) bool { return !ascii(ev.Table) || !ascii(ev.Schema) }

func ascii(name string) bool {
	for i := range len(name) {
		if name[i] >= 0x80 {
			return false
		}
	}
	return true
}

// outOfOrder says whether a loose event comes behind what follows it in the source.
func (l *lane) outOfOrder(e *laneEvent, at int64) bool {
	if !e.loose {
		return false
	}
	_, early := e.state.ends.covering(e.ev)
	return early || l.overtaken(e, at) || l.since(e.state.ended, at)
}

// overtaken says whether what is current for the key of a loose event follows it, which
// of one time the positions tell.
func (l *lane) overtaken(e *laneEvent, at int64) bool {
	for _, r := range e.state.rows {
		e.tied = e.tied || r.begin().follows(e.ev, at)
	}
	for _, i := range e.state.versions {
		e.tied = e.tied || l.versions[i].begin().follows(e.ev, at)
	}
	return e.tied || l.changedSince(e, at)
}

// remove ends the current row of a delete's key.
func (l *lane) remove(e *laneEvent, at int64) {
	st := e.state
	if e.ev.KeyLost && (e.shared || l.noneBefore(st, at)) {
		l.keepEnd(st, e.ev)
	}
	if e.loose && l.overtaken(e, at) {
		l.stale = append(l.stale, e)
		return
	}
	l.end(st, l.notBefore(st, at))
}

// noneBefore says whether nothing is current for a key that began before a time. Then the
// row of the snapshot may be still to come, and of one millisecond only the place of the
// end tells that it lies before it.
func (l *lane) noneBefore(st *keyState, at int64) bool {
	for _, r := range st.rows {
		if r.start < at {
			return false
		}
	}
	for _, v := range st.versions {
		if l.versions[v].start < at {
			return false
		}
	}
	return true
}

// keepEnd remembers the end of a key, for rows that are still to come.
func (l *lane) keepEnd(st *keyState, ev *change.Event) {
	key, ok := letterKeyOf(l.t, ev)
	if !ok {
		return
	}
	end := earlyEnd{key.hash[:], truncationOf(ev)}
	st.addEnd(end.place)
	l.early = append(l.early, end)
}

// addEnd takes an end into the list, which is in order.
func (st *keyState) addEnd(at truncation) {
	i, _ := slices.BinarySearchFunc(st.ends, at, truncation.order)
	st.ends = slices.Insert(st.ends, i, at)
}

// addMoves finds the key that an update's row had before: an event that has lost its
// key is no delete and insert when the key changes, but has the old one in the row
// before, which else is not sent or equal.
func (l *lane) addMoves(e *laneEvent, arena *change.Arena) error {
	if !e.ev.KeyLost || e.ev.Op != change.Update || e.ev.Before == nil {
		return nil
	}
	old, err := l.deleteKey(e.ev.Shape, e.ev.Before, arena)
	if err != nil || slices.ContainsFunc(old, func(field []byte) bool { return field == nil }) {
		return err
	}
	if st := l.stateOf(old, true); st != e.state {
		e.moves = st
	}
	return nil
}

// move ends what is current for the key that the event's row had before, and returns
// the row.
func (l *lane) move(e *laneEvent, at int64) (row change.Tuple) {
	young := l.noneBefore(e.moves, at)
	for _, r := range e.moves.rows {
		row = r.row
	}
	for _, v := range e.moves.versions {
		row = l.versions[v].row
	}
	if young {
		gone := *e.ev
		gone.Op, gone.Row = change.Delete, nil
		l.keepEnd(e.moves, &gone)
	}
	l.end(e.moves, l.notBefore(e.moves, at))
	return row
}

// addEarly asks which ends of the lane's loose rows have come already.
func (a *Applier) addEarly(t *trip, l *lane) {
	hashes := newArray(change.Bytea.OID(), 256)
	states := make(map[string]*keyState)
	for i := range l.events {
		e := &l.events[i]
		if !e.loose || e.row == nil {
			continue
		}
		key, ok := letterKeyOf(l.t, e.ev)
		if ok && states[string(key.hash[:])] == nil {
			hashes.add(key.hash[:])
			states[string(key.hash[:])] = e.state
		}
	}
	if hashes.n == 0 {
		return
	}
	t.add(step{
		what: "look for early ends of " + l.t.String(), table: l.t.tableName,
		sql:    "SELECT key_hash, ts_ms, lsn FROM metadb.early_end WHERE table_id = $1 AND origin = $2 AND key_hash = ANY ($3)",
		oids:   []uint32{change.Int4.OID(), change.Text.OID(), change.Bytea.ArrayOID()},
		params: [][]byte{int32Bytes(l.t.id), []byte(l.origin), hashes.bytes()},
		read: func(r *pgconn.ResultReader) error {
			for r.NextRow() {
				v := r.Values()
				states[string(v[0])].addEnd(truncation{ts: int64(binary.BigEndian.Uint64(v[1])), lsn: binary.BigEndian.Uint64(v[2])})
			}
			return nil
		},
	})
}

// writeEarly keeps the ends that the lane has brought too early.
func (a *Applier) writeEarly(t *trip, l *lane) {
	if len(l.early) == 0 {
		return
	}
	slices.SortFunc(l.early, func(x, y earlyEnd) int { return cmp.Or(bytes.Compare(x.key, y.key), x.place.order(y.place)) })
	hashes := newArray(change.Bytea.OID(), 256)
	var times, lsns []int64
	for _, e := range l.early {
		hashes.add(e.key)
		times, lsns = append(times, e.place.ts), append(lsns, int64(e.place.lsn))
	}
	int8s := change.Int8.ArrayOID()
	t.add(step{
		what: "keep early ends of " + l.t.String(), table: l.t.tableName,
		sql: `INSERT INTO metadb.early_end (table_id, origin, key_hash, ts_ms, lsn)
			SELECT $1, $2, k, t, l FROM unnest($3, $4, $5) u(k, t, l) ON CONFLICT DO NOTHING`,
		oids:   []uint32{change.Int4.OID(), change.Text.OID(), change.Bytea.ArrayOID(), int8s, int8s},
		params: [][]byte{int32Bytes(l.t.id), []byte(l.origin), hashes.bytes(), int64Array(times), int64Array(lsns)},
	})
}
