package warehouse

import (
	"context"
	"encoding/binary"

	"github.com/jackc/pgx/v5/pgconn"

	"metadb/change"
)

// A row of a table without a key is known by nothing but its values. A snapshot that
// brings it again finds it among the current rows that are equal and not confirmed
// yet, one for each record: what is left over, the source has no longer.

// marked are stored rows that are confirmed, by id: by which event of the batch; nil: by
// an earlier batch.
type marked map[int64]*change.Event

// at says whether a row is confirmed when an event comes.
func (m marked) at(id int64, ev *change.Event) bool {
	by, is := m[id]
	return is && (by == nil || stillConfirms(by, ev))
}

// stillConfirms says whether what an event of the batch has confirmed is so when another
// event comes, with which an attempt to take a snapshot may have begun.
func stillConfirms(by, ev *change.Event) bool {
	switch {
	case by.Confirms == ev.Confirms, by.Connector != ev.Connector:
		return true
	case by.Op == change.Read:
		return false
	}
	return behind(by, ev.Confirms)
}

// mayBeThere says whether the row of a keyless event may be in the table already.
func (e *laneEvent) mayBeThere() bool { return e.ev.Op == change.Read && e.ev.Confirms != nil }

// foundAgain confirms one current row that is equal to a snapshot's, if there is one
// left.
func (l *lane) foundAgain(e *laneEvent) bool {
	if !e.mayBeThere() {
		return false
	}
	for _, r := range e.next.rows {
		if !l.marked.at(r.id, e.ev) {
			l.marked[r.id] = e.ev
			l.confirmed = append(l.confirmed, confirmedRow{r.id, r.start, e.ev})
			l.unchanged++
			return true
		}
	}
	for _, v := range e.next.versions {
		if by := l.versions[v].confirmedBy; by == nil || !stillConfirms(by, e.ev) {
			l.versions[v].confirmedBy = e.ev
			l.unchanged++
			return true
		}
	}
	return false
}

// fetchMarked asks which of the rows of keyless tables that were read are confirmed
// already.
func (a *Applier) fetchMarked(ctx context.Context, lanes []*lane) error {
	t := &trip{conn: a.conn.PgConn()}
	for _, l := range lanes {
		if len(l.t.key) > 0 || !a.sync.on {
			continue
		}
		l.marked = make(marked)
		var ids []int64
		for i := range l.events {
			e := &l.events[i]
			if e.ev.Confirms == nil {
				continue
			}
			for _, st := range []*keyState{e.state, e.next} {
				if st != nil {
					for _, r := range st.rows {
						ids = append(ids, r.id)
					}
				}
			}
		}
		if len(ids) == 0 {
			continue
		}
		t.add(step{
			what: "read marks of " + l.t.String(), oids: []uint32{change.Text.OID(), change.Int4.OID(), change.Int8.ArrayOID()},
			sql: `SELECT m.id FROM metadb.sync_mark m JOIN metadb.sync_numbers($1) v ON v.number = m.number
				WHERE m.table_id = $2 AND m.id = ANY ($3) AND metadb.mark_counts(m.lsn, v.lsn, v.ts_ms)
				UNION SELECT m.id FROM metadb.batch_marks($1, $2) m WHERE m.id = ANY ($3)
				UNION SELECT m.id FROM metadb.sync_mark_late m JOIN metadb.sync_numbers($1) v ON v.number = m.number
				WHERE m.table_id = $2 AND m.id = ANY ($3) AND metadb.mark_counts(m.lsn, v.lsn, v.ts_ms)`,
			params: [][]byte{[]byte(a.source), int32Bytes(l.t.id), int64Array(ids)},
			read: func(r *pgconn.ResultReader) error {
				for r.NextRow() {
					l.marked[int64(binary.BigEndian.Uint64(r.Values()[0]))] = nil
				}
				return nil
			},
		})
	}
	if len(t.steps) == 0 {
		return nil
	}
	return t.run(ctx)
}
