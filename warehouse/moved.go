package warehouse

import (
	"github.com/jackc/pgx/v5/pgconn"

	"metadb/change"
)

// addMoved asks for the rows that changes of key have moved: the insert half does
// not send large values that did not change, and the only copy of them is the row
// that ended, at the same time, under the old key.
func (a *Applier) addMoved(t *trip, l *lane, arena *change.Arena) {
	for i := range l.events {
		e := &l.events[i]
		if e.old == nil {
			continue
		}
		fields, err := l.deleteKey(e.ev.KeyShape, e.ev.OldKey, arena)
		if err != nil {
			continue // add has converted it already
		}
		params := make([][]byte, 0, len(fields)+2)
		for k, at := range l.t.key {
			one := newArray(l.t.columns[at].Type.OID(), 64)
			one.add(fields[k])
			params = append(params, one.bytes())
		}
		t.add(step{
			what: "read the row before a change of key of " + l.t.String(), table: l.t.tableName, sql: l.t.fetchEndedSQL(l.look, ">=", true),
			oids:   append(l.t.fetchTypes(l.look), change.TimestampTZ.OID(), change.Int4.OID(), change.Int8.OID()),
			params: append(params, []byte(l.origin), int64Bytes(micros(e.ev.TsMs)), int32Bytes(l.t.id), int64Bytes(int64(e.ev.Pos.LSN))),
			read: func(r *pgconn.ResultReader) error {
				for r.NextRow() {
					e.history = storedTuple(r.Values(), arena)
				}
				return nil
			},
		})
	}
}

// goneRow is a row that the batch has ended.
type goneRow struct {
	begin
	end int64
	row change.Tuple
}

// remember keeps a row that ends, if a change of key may ask for it.
func (l *lane) remember(st *keyState, b begin, end int64, row change.Tuple) {
	if l.rekeyed {
		st.gone = append(st.gone, goneRow{b, end, row})
	}
}

// rowBefore is the row that a change of key has moved here: ended under its old
// key, at the time of the event, by this batch or before it; or not ended yet. On
// a topic of several partitions the old key may have been used again since.
func (l *lane) rowBefore(e *laneEvent, at int64) change.Tuple {
	old := e.old
	for i := len(old.gone) - 1; i >= 0; i-- {
		if g := &old.gone[i]; !e.shared || g.end >= at && g.notAfter(e.ev, at) {
			return g.row
		}
	}
	for _, v := range old.versions {
		if v := &l.versions[v]; !e.shared || v.begin().notAfter(e.ev, at) {
			return v.row
		}
	}
	for i := range old.rows {
		if r := &old.rows[i]; !e.shared || r.begin().notAfter(e.ev, at) {
			return r.row
		}
	}
	return e.history
}
