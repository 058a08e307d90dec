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
			what: "read the row before a change of key of " + l.t.String(), table: l.t.tableName, sql: l.t.fetchEndedSQL(">="),
			oids:   append(l.t.fetchTypes(), change.TimestampTZ.OID()),
			params: append(params, []byte(l.origin), int64Bytes(micros(e.ev.TsMs))),
			read: func(r *pgconn.ResultReader) error {
				for r.NextRow() {
					e.history = storedTuple(r.Values(), arena)
				}
				return nil
			},
		})
	}
}
