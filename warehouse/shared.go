package warehouse

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"metadb/change"
)

// How long the positions of rows in topics of several partitions are kept, in ms of
// the source's time; and how often they and change.KeepSeen are looked after.
const (
	keepPositions = int64(time.Hour / time.Millisecond)
	sweepEvery    = time.Minute
)

// sightings are the times at which the connector has sent an event without a key, in
// order, and equal ones of the same place: rows of one COPY page.
type sightings struct {
	sent  []int64
	fresh bool // it was seen in this batch
}

// repeated says whether a keyless event was applied before, and notes it. It was, if
// another run of the connector has sent as many of them; a connector that does not
// tell when it sent an event is believed to have sent each but once.
func (l *lane) repeated(ev *change.Event) bool {
	h := int64(ev.Identity())
	s := l.seen[h]
	if s == nil {
		if l.seen == nil {
			l.seen = make(map[int64]*sightings)
		}
		s = &sightings{}
		l.seen[h] = s
	}
	before := change.SentRuns(s.sent)
	i, _ := slices.BinarySearch(s.sent, ev.SentMs)
	s.sent = slices.Insert(s.sent, i, ev.SentMs)
	s.fresh = true
	l.newest = max(l.newest, ev.TsMs)
	return before > 0 && (ev.SentMs == 0 || change.SentRuns(s.sent) == before)
}

// addSeen asks which of the lane's keyless events of shared topics were applied.
func (a *Applier) addSeen(t *trip, l *lane) {
	if len(l.t.key) > 0 {
		return
	}
	var hashes []int64
	for i := range l.events {
		if e := &l.events[i]; e.shared && e.ev.Unkeyed() {
			hashes = append(hashes, int64(l.events[i].ev.Identity()))
		}
	}
	if len(hashes) == 0 {
		return
	}
	l.seen = make(map[int64]*sightings)
	t.add(step{
		what: "look for events of " + l.t.String(), table: l.t.tableName,
		sql:  "SELECT k.hash, u.ms FROM metadb.keyless_seen k, unnest(k.sent_ms) u(ms) WHERE k.table_id = $1 AND k.hash = ANY ($2) ORDER BY k.hash, u.ms",
		oids: []uint32{change.Int4.OID(), change.Int8.ArrayOID()}, params: [][]byte{int32Bytes(l.t.id), int64Array(hashes)},
		read: func(r *pgconn.ResultReader) error {
			for r.NextRow() {
				h, ms := int64(binary.BigEndian.Uint64(r.Values()[0])), int64(binary.BigEndian.Uint64(r.Values()[1]))
				if l.seen[h] == nil {
					l.seen[h] = &sightings{}
				}
				l.seen[h].sent = append(l.seen[h].sent, ms)
			}
			return nil
		},
	})
}

// writePositions keeps the lsn of the lane's current versions, and what its
// keyless events were, for topics of several partitions, and for tables of two topics.
func (a *Applier) writePositions(ctx context.Context, l *lane, ids []int64) error {
	var rows, times, lsns []int64
	for i, v := range l.versions {
		if (v.from.shared || v.from.loose) && v.from.ev.Pos.HasLSN {
			rows, times, lsns = append(rows, ids[i]), append(times, v.from.ev.TsMs), append(lsns, int64(v.from.ev.Pos.LSN))
			l.newest = max(l.newest, v.from.ev.TsMs)
		}
	}
	var fresh []int64
	var sent []int64
	for h, s := range l.seen {
		for _, ms := range s.sent {
			if s.fresh {
				fresh, sent = append(fresh, h), append(sent, ms)
			}
		}
	}
	t := &trip{conn: a.conn.PgConn()}
	a.writeEarly(t, l)
	if len(rows) == 0 && len(fresh) == 0 && len(t.steps) == 0 {
		return nil
	}
	int8s := change.Int8.ArrayOID()
	if len(rows) > 0 {
		t.add(step{
			what: "keep positions of " + l.t.String(), table: l.t.tableName,
			sql:  "INSERT INTO metadb.row_position SELECT $1, i, t, l FROM unnest($2, $3, $4) u(i, t, l)",
			oids: []uint32{change.Int4.OID(), int8s, int8s, int8s}, params: [][]byte{int32Bytes(l.t.id), int64Array(rows), int64Array(times), int64Array(lsns)},
		})
	}
	if len(fresh) > 0 {
		t.add(step{
			what: "keep events of " + l.t.String(), table: l.t.tableName,
			sql: `INSERT INTO metadb.keyless_seen AS k (table_id, hash, ts_ms, sent_ms)
				SELECT $1, u.h, $4, array_agg(u.ms ORDER BY u.ms) FROM unnest($2, $3) u(h, ms) GROUP BY u.h
				ON CONFLICT (table_id, hash) DO UPDATE SET sent_ms = excluded.sent_ms`,
			oids: []uint32{change.Int4.OID(), int8s, int8s, change.Int8.OID()}, params: [][]byte{int32Bytes(l.t.id), int64Array(fresh), int64Array(sent), int64Bytes(l.newest)},
		})
	}
	if now := time.Now(); now.Sub(a.swept[l.t.id]) > sweepEvery {
		a.swept[l.t.id] = now
		for table, keep := range map[string]int64{"row_position": keepPositions, "keyless_seen": change.KeepSeen} {
			t.add(step{
				what: "sweep " + table, sql: "DELETE FROM " + quote("metadb", table) + " WHERE table_id = $1 AND ts_ms < $2",
				oids: []uint32{change.Int4.OID(), change.Int8.OID()}, params: [][]byte{int32Bytes(l.t.id), int64Bytes(l.newest - keep)},
			})
		}
	}
	a.opt.Reached("positions.before")
	if err := t.run(ctx); err != nil {
		return err
	}
	a.opt.Reached("positions.after")
	return nil
}
