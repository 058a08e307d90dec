package warehouse

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"metadb/change"
)

// What is kept for topics of several partitions, and how long, in ms of the
// source's time; and how often it is swept.
const (
	keepPositions = int64(time.Hour / time.Millisecond)
	keepSeen      = int64(24 * time.Hour / time.Millisecond)
	sweepEvery    = time.Minute
)

// repeated says whether a keyless event was applied before, and notes it.
func (l *lane) repeated(ev *change.Event) bool {
	h := int64(ev.Identity())
	if l.seen[h] {
		return true
	}
	if l.seen == nil {
		l.seen = make(map[int64]bool)
	}
	l.seen[h] = true
	l.fresh = append(l.fresh, h)
	l.newest = max(l.newest, ev.TsMs)
	return false
}

// addSeen asks which of the lane's keyless events of shared topics were applied.
func (a *Applier) addSeen(t *trip, l *lane) {
	if len(l.t.key) > 0 {
		return
	}
	var hashes []int64
	for i := range l.events {
		if l.events[i].shared {
			hashes = append(hashes, int64(l.events[i].ev.Identity()))
		}
	}
	if len(hashes) == 0 {
		return
	}
	l.seen = make(map[int64]bool)
	t.add(step{
		what: "look for events of " + l.t.String(), table: l.t.tableName, sql: "SELECT hash FROM metadb.keyless_seen WHERE table_id = $1 AND hash = ANY ($2)",
		oids: []uint32{change.Int4.OID(), change.Int8.ArrayOID()}, params: [][]byte{int32Bytes(l.t.id), int64Array(hashes)},
		read: func(r *pgconn.ResultReader) error {
			for r.NextRow() {
				l.seen[int64(binary.BigEndian.Uint64(r.Values()[0]))] = true
			}
			return nil
		},
	})
}

// writePositions keeps the lsn of the lane's current versions, and what its
// keyless events were, for topics of several partitions.
func (a *Applier) writePositions(ctx context.Context, l *lane, ids []int64) error {
	var rows, times, lsns []int64
	for i, v := range l.versions {
		if v.from.shared && v.from.ev.Pos.HasLSN {
			rows, times, lsns = append(rows, ids[i]), append(times, v.from.ev.TsMs), append(lsns, int64(v.from.ev.Pos.LSN))
			l.newest = max(l.newest, v.from.ev.TsMs)
		}
	}
	if len(rows) == 0 && len(l.fresh) == 0 {
		return nil
	}
	t := &trip{conn: a.conn.PgConn()}
	int8s := change.Int8.ArrayOID()
	if len(rows) > 0 {
		t.add(step{
			what: "keep positions of " + l.t.String(), table: l.t.tableName,
			sql:  "INSERT INTO metadb.row_position SELECT $1, i, t, l FROM unnest($2, $3, $4) u(i, t, l)",
			oids: []uint32{change.Int4.OID(), int8s, int8s, int8s}, params: [][]byte{int32Bytes(l.t.id), int64Array(rows), int64Array(times), int64Array(lsns)},
		})
	}
	if len(l.fresh) > 0 {
		t.add(step{
			what: "keep events of " + l.t.String(), table: l.t.tableName,
			sql:  "INSERT INTO metadb.keyless_seen SELECT $1, h, $3 FROM unnest($2) u(h)",
			oids: []uint32{change.Int4.OID(), int8s, change.Int8.OID()}, params: [][]byte{int32Bytes(l.t.id), int64Array(l.fresh), int64Bytes(l.newest)},
		})
	}
	if now := time.Now(); now.Sub(a.swept[l.t.id]) > sweepEvery {
		a.swept[l.t.id] = now
		for table, keep := range map[string]int64{"row_position": keepPositions, "keyless_seen": keepSeen} {
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
