package warehouse

import (
	"context"
	"encoding/binary"

	"github.com/jackc/pgx/v5/pgconn"

	"metadb/catalog"
	"metadb/change"
)

// A row of a snapshot may come after a change that followed the snapshot in the source:
// it is read again, or the change came by another topic. It must not become current then.

// changedSince says whether what is current for the key of an event was written, or found
// as it is, behind it. In a resynchronization the marks of streamed
// events tell for rows of the snapshot, by their positions. Elsewhere there is but the time at which it began.
func (l *lane) changedSince(e *laneEvent, at int64) bool {
	exact := l.marksTell(e.ev)
	since := func(start int64) bool { return !exact && l.since(start, at) }
	streamed := func(by *change.Event) bool {
		return exact && by != nil && by.Op != change.Read && by.Connector == e.ev.Connector && behind(by, e.ev.Confirms)
	}
	for _, r := range e.state.rows {
		if since(r.start) || exact && l.later[e.ev.Confirms][r.id] {
			return true
		}
	}
	for _, i := range e.state.versions {
		if v := &l.versions[i]; since(v.start) || streamed(v.from.ev) || streamed(v.confirmedBy) {
			return true
		}
	}
	return false
}

// since says whether a time lies behind another one. That of a version that had to wait
// for the end which an endsync has written, whole seconds as all of them, does not tell: it
// began before in the source.
func (l *lane) since(time, at int64) bool {
	const second = 1_000_000
	return time > at && (time > l.endsynced || time%second != 0)
}

// marksTell says whether every change behind the snapshot of an event's attempt, of the
// tables and topics that are synchronized, has left a mark with its position. Rows of
// incremental snapshots have no position: they are read among the changes, one by one.
func (l *lane) marksTell(ev *change.Event) bool {
	return l.marking && ev.Op == change.Read && ev.Confirms != nil && ev.Pos.HasLSN && ev.Snapshot != change.Incremental
}

// fetchLater asks which of the rows that were read are confirmed by what was streamed
// behind the snapshots whose rows the batch brings. Mostly nothing was yet.
func (a *Applier) fetchLater(ctx context.Context, lanes []*lane) error {
	t := &trip{conn: a.conn.PgConn()}
	for _, l := range lanes {
		if l.marking = a.sync.on && !a.sync.initial && a.sync.where != catalog.MarksNone; !l.marking || len(l.t.key) == 0 || !a.sync.streamed[l.t.id] {
			continue
		}
		ids := make(map[*change.Confirmation][]int64)
		connectors := make(map[*change.Confirmation]string)
		for i := range l.events {
			e := &l.events[i]
			if e.state == nil || !l.marksTell(e.ev) {
				continue
			}
			for _, r := range e.state.rows {
				ids[e.ev.Confirms] = append(ids[e.ev.Confirms], r.id)
				connectors[e.ev.Confirms] = e.ev.Connector
			}
		}
		for of, list := range ids {
			a.addLater(t, l, of, connectors[of], list)
		}
	}
	if len(t.steps) == 0 {
		return nil
	}
	return t.run(ctx)
}

// addLater asks so for the rows of one attempt.
func (a *Applier) addLater(t *trip, l *lane, of *change.Confirmation, connector string, ids []int64) {
	later := make(map[int64]bool)
	if l.later == nil {
		l.later = make(map[*change.Confirmation]map[int64]bool)
	}
	l.later[of] = later
	text, int4, int8 := change.Text.OID(), change.Int4.OID(), change.Int8.OID()
	t.add(step{
		what: "read later marks of " + l.t.String(), oids: []uint32{text, text, int4, change.Int8.ArrayOID(), int8, int8},
		sql: `WITH own AS (SELECT number FROM metadb.sync_attempt WHERE source = $1 AND connector = $2), mark AS (
				SELECT m.id, m.lsn FROM metadb.sync_mark m JOIN own USING (number)
				WHERE m.table_id = $3 AND m.id = ANY ($4) AND m.lsn IS NOT NULL
				UNION ALL
				SELECT l.id, l.lsn FROM metadb.sync_mark_late l JOIN own USING (number)
				WHERE l.table_id = $3 AND l.id = ANY ($4))
			SELECT id FROM mark WHERE metadb.mark_counts(lsn, $5, $6)`,
		params: [][]byte{[]byte(a.source), []byte(connector), int32Bytes(l.t.id), int64Array(ids), int64Bytes(int64(of.LSN)), int64Bytes(of.SinceMs)},
		read: func(r *pgconn.ResultReader) error {
			for r.NextRow() {
				later[int64(binary.BigEndian.Uint64(r.Values()[0]))] = true
			}
			return nil
		},
	})
}
