package warehouse

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"metadb/change"
)

// ErrNoLetter says that a dead letter to be replayed is no longer there.
var ErrNoLetter = errors.New("the dead letter is gone")

// ErrOldKey says that a replayed event has other key columns than its table has by
// now: to apply it would give the table its old key back.
var ErrOldKey = errors.New("the event's key columns are not those of the table")

// Replay applies the only event of b, which was set aside and comes back late, and
// removes its dead letters, in one transaction. Positions stay. What came after
// the event stays as it is (rule R8): where its key has a later version, or had
// one that has ended, the event becomes a version that is closed already.
func (a *Applier) Replay(ctx context.Context, b *change.Batch, letters []int64) (Stats, error) {
	stats := Stats{Events: 1}
	ev := &b.Events[0]
	n := tableName{ev.Target.Schema, ev.Target.Table}
	if t := a.tables[n]; t != nil && t.keyKnown && deltaFor(t, ev).key != nil {
		return stats, ErrOldKey
	}
	if _, err := a.evolveFor(ctx, b); err != nil {
		return stats, err
	}
	t := &trip{conn: a.conn.PgConn()}
	a.addFence(t)
	t.add(step{
		what: "remove dead letters", sql: "DELETE FROM metadb.dead_letter WHERE id = ANY ($1)",
		oids: []uint32{change.Int8.ArrayOID()}, params: [][]byte{int64Array(letters)},
		read: expectRows(int64(len(letters)), ErrNoLetter),
	})
	a.addLocks(t, b.Events)
	if err := t.run(ctx); err != nil {
		return stats, err
	}
	ledger := make(map[int32]*ledgerEntry)
	var err error
	if ev.Op == change.Truncate {
		err = a.replayTruncate(ctx, ev, ledger, &stats)
	} else {
		err = a.replayRow(ctx, b, ledger, &stats)
	}
	if err != nil {
		return stats, err
	}
	return stats, a.commit(ctx, b, ledger)
}

// replayTruncate ends the current rows that began before the truncate.
func (a *Applier) replayTruncate(ctx context.Context, ev *change.Event, ledger map[int32]*ledgerEntry, stats *Stats) error {
	t := a.tables[tableName{ev.Target.Schema, ev.Target.Table}]
	if t == nil {
		return nil
	}
	var n int64
	trip := &trip{conn: a.conn.PgConn()}
	trip.add(step{
		what:   "truncate " + t.String(),
		sql:    "UPDATE " + t.main() + " SET __end = $1, __current = false WHERE __current AND __origin = $2 AND __start <= $1",
		oids:   []uint32{change.TimestampTZ.OID(), change.Text.OID()},
		params: [][]byte{int64Bytes(micros(ev.TsMs)), []byte(ev.Target.Origin)}, read: affected(&n),
	})
	if err := trip.run(ctx); err != nil {
		return err
	}
	stats.Closed += int(n)
	if n > 0 {
		entryOf(ledger, t.id).bulk = true
	}
	return nil
}

// replayRow applies an event of a row: as usual, unless its key went on after it.
func (a *Applier) replayRow(ctx context.Context, b *change.Batch, ledger map[int32]*ledgerEntry, stats *Stats) error {
	lanes, err := a.lanesOf(ctx, b, b.Events, nil)
	if err != nil || len(lanes) == 0 || len(lanes[0].events) == 0 {
		return err
	}
	l := lanes[0]
	_, truncated := l.t.truncated.covering(&b.Events[0])
	switch {
	case len(l.t.key) == 0 && truncated:
		return a.applyLate(ctx, b, &b.Events[0], ledger, stats)
	case len(l.t.key) > 0:
		late, err := a.replayLate(ctx, l, &b.Arena, ledger, stats)
		if err != nil || late {
			return err
		}
	}
	if err := a.fetch(ctx, &trip{conn: a.conn.PgConn()}, lanes, &b.Arena); err != nil {
		return err
	}
	if st := l.events[0].state; st != nil && len(l.t.key) == 0 {
		if err := a.dropYounger(ctx, l, st, micros(b.Events[0].TsMs)); err != nil {
			return err
		}
	}
	l.fold()
	return a.write(ctx, lanes, ledger, stats)
}

// dropYounger takes rows out of a state that began after the event: it cannot
// have ended them.
func (a *Applier) dropYounger(ctx context.Context, l *lane, st *keyState, at int64) error {
	if len(st.rows) == 0 {
		return nil
	}
	var ids []int64
	for _, r := range st.rows {
		ids = append(ids, r.id)
	}
	younger := make(map[int64]bool)
	t := &trip{conn: a.conn.PgConn()}
	t.add(step{
		what: "read starts of " + l.t.String(),
		sql:  "SELECT __id FROM " + l.t.main() + " WHERE __current AND __id = ANY ($1) AND __start > $2",
		oids: []uint32{change.Int8.ArrayOID(), change.TimestampTZ.OID()}, params: [][]byte{int64Array(ids), int64Bytes(at)},
		read: func(r *pgconn.ResultReader) error {
			for r.NextRow() {
				younger[int64(binary.BigEndian.Uint64(r.Values()[0]))] = true
			}
			return nil
		},
	})
	if err := t.run(ctx); err != nil {
		return err
	}
	st.rows = slices.DeleteFunc(st.rows, func(r storedRow) bool { return younger[r.id] })
	return nil
}

// replayLate applies an event whose key has versions that last beyond it, other
// than a current one that it follows, or that a truncate has ended. late is false
// when it is neither.
func (a *Applier) replayLate(ctx context.Context, l *lane, arena *change.Arena, ledger map[int32]*ledgerEntry, stats *Stats) (late bool, err error) {
	e := &l.events[0]
	at := micros(e.ev.TsMs)
	beyond, err := a.fetchBeyond(ctx, l, e, at, arena)
	truncate, truncated := l.t.truncated.covering(e.ev)
	if err != nil || len(beyond) == 0 && !truncated || len(beyond) > 0 && beyond[0].current && beyond[0].start <= at {
		return false, err
	}
	if e.row == nil {
		stats.Unchanged++ // the key was written, or ended, again since
		return true, nil
	}
	end := int64(forever)
	if truncated {
		end = micros(truncate.ts)
	}
	var first storedVersion
	if len(beyond) > 0 {
		first = beyond[0]
		end = min(end, first.start)
	}
	var before change.Tuple
	if len(beyond) > 0 && first.start <= at {
		// The event falls into a version that has ended: it takes its second half.
		if equalRows(l.t.columns, e.row, first.row) {
			stats.Unchanged++
			return true, nil
		}
		end, before = first.end, first.row
		if err := a.moveEnds(ctx, l, []int64{first.id}, at); err != nil {
			return true, err
		}
		entryOf(ledger, l.t.id).closed = append(entryOf(ledger, l.t.id).closed, first.id)
	}
	l.versions = append(l.versions, version{start: at, end: end, row: l.complete(e.row, before), from: e})
	return true, a.write(ctx, []*lane{l}, ledger, stats)
}

// storedVersion is a version of a key as the main table has it.
type storedVersion struct {
	version
	id int64
}

// fetchBeyond reads the versions of the event's key that end after it, in order.
func (a *Applier) fetchBeyond(ctx context.Context, l *lane, e *laneEvent, at int64, arena *change.Arena) ([]storedVersion, error) {
	key, err := l.eventKey(e, arena)
	if err != nil {
		return nil, err
	}
	var where []string
	var oids []uint32
	var params [][]byte
	for k, i := range l.t.key {
		c := l.t.columns[i]
		if key[k] == nil {
			where = append(where, "h."+quote(c.Name)+" IS NULL")
			continue
		}
		oids, params = append(oids, c.Type.OID()), append(params, key[k])
		where = append(where, fmt.Sprintf("h.%s = $%d", quote(c.Name), len(params)))
	}
	oids, params = append(oids, change.Text.OID(), change.TimestampTZ.OID()), append(params, []byte(l.origin), int64Bytes(at))
	var found []storedVersion
	t := &trip{conn: a.conn.PgConn()}
	t.add(step{
		what: "read versions of " + l.t.String(),
		sql: "SELECT h.__id, h.__start, h.__end, h.__current" + l.t.columnList(", ", "h.") + " FROM " + l.t.main() + " h WHERE " +
			strings.Join(where, " AND ") + fmt.Sprintf(" AND h.__origin = $%d AND h.__end > $%d ORDER BY h.__start, h.__id", len(params)-1, len(params)),
		oids: oids, params: params,
		read: func(r *pgconn.ResultReader) error {
			for r.NextRow() {
				found = append(found, readVersion(r.Values()))
			}
			return nil
		},
	})
	return found, t.run(ctx)
}

// eventKey is the key of a lane's event, in the types of its table.
func (l *lane) eventKey(e *laneEvent, arena *change.Arena) ([][]byte, error) {
	switch {
	case e.row != nil:
		return l.keyOf(e.row), nil
	case e.ev.KeyShape != nil:
		return l.deleteKey(e.ev.KeyShape, e.ev.Key, arena)
	}
	return l.deleteKey(e.ev.Shape, e.ev.Before, arena)
}

// readVersion takes a row of fetchBeyond.
func readVersion(values [][]byte) storedVersion {
	number := func(i int) int64 { return int64(binary.BigEndian.Uint64(values[i])) }
	v := storedVersion{id: number(0), version: version{start: number(1), end: number(2), current: values[3][0] != 0}}
	for _, field := range values[4:] {
		if field == nil {
			v.row = change.AppendNull(v.row)
		} else {
			v.row = change.AppendField(v.row, field)
		}
	}
	return v
}
