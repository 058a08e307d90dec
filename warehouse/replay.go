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
// removes its dead letter, in one transaction. Positions stay. What came after
// the event stays as it is (rule R8): where its key has a later version, or had
// one that has ended, or was deleted without having one, the event becomes a
// version that is closed already.
func (a *Applier) Replay(ctx context.Context, b *change.Batch, letter int64) (Stats, error) {
	for {
		stats, err := a.replay(ctx, b, letter)
		if !errors.Is(err, errMarks) {
			return stats, err
		}
		if err := a.rollback(ctx); err != nil {
			return stats, err
		}
	}
}

func (a *Applier) replay(ctx context.Context, b *change.Batch, letter int64) (Stats, error) {
	stats := Stats{Events: 1}
	ev := &b.Events[0]
	n := tableName{ev.Target.Schema, ev.Target.Table}
	if t := a.tables[n]; t != nil && t.keyKnown && deltaFor(t, ev).key != nil {
		return stats, ErrOldKey
	}
	if _, err := a.evolveFor(ctx, b); err != nil {
		return stats, err
	}
	if err := a.confirm(ctx, b); err != nil {
		return stats, err
	}
	next := int64(forever)
	t := &trip{conn: a.conn.PgConn()}
	a.addFence(t)
	t.add(step{
		what: "remove the dead letter", stmt: stmtResolve, params: [][]byte{int64Array([]int64{letter})},
		read: func(r *pgconn.ResultReader) error {
			if !r.NextRow() {
				if _, err := r.Close(); err != nil {
					return err
				}
				return ErrNoLetter
			}
			if ts := r.Values()[0]; ts != nil {
				next = max(micros(int64(binary.BigEndian.Uint64(ts))), micros(ev.TsMs))
			}
			return nil
		},
	})
	a.addLocks(t, b)
	a.opt.Reached("replay.before")
	if err := t.run(ctx); err != nil {
		return stats, err
	}
	a.opt.Reached("replay.inside")
	ledger := make(map[int32]*ledgerEntry)
	var err error
	if ev.Op == change.Truncate {
		err = a.replayTruncate(ctx, ev, ledger, &stats)
	} else {
		err = a.replayRow(ctx, b, next, ledger, &stats)
	}
	if err != nil {
		return stats, err
	}
	a.opt.Reached("replay.written")
	if err := a.commit(ctx, b, a.overtakenBy(ev, letter), ledger); err != nil {
		return stats, err
	}
	a.open.forget([]int64{letter})
	a.opt.Reached("replay.after")
	return stats, nil
}

// overtakenBy is what a replayed letter does to earlier ones: those of its key, or of its
// table if it is a truncate.
func (a *Applier) overtakenBy(ev *change.Event, letter int64) *overtaking {
	o := &overtaking{stored: make(map[int64]int64)}
	list := a.open.byTable[tableName{ev.Schema, ev.Table}]
	if ev.Op != change.Truncate {
		t := a.tables[tableName{ev.Target.Schema, ev.Target.Table}]
		if ev.KeyShape == nil && (t == nil || len(t.key) == 0) {
			return o
		}
		key, _ := letterKeyOf(t, ev)
		list = a.open.byKey[key]
	}
	for _, l := range list {
		if l.id < letter {
			o.stored[l.id] = ev.TsMs
		}
	}
	return o
}

// replayTruncate ends the current rows that began before the truncate. Those of the
// same moment are taken for rows of its own transaction: a table that is
// truncated there is mostly filled again.
func (a *Applier) replayTruncate(ctx context.Context, ev *change.Event, ledger map[int32]*ledgerEntry, stats *Stats) error {
	t := a.tables[tableName{ev.Target.Schema, ev.Target.Table}]
	if t == nil {
		return nil
	}
	var n int64
	trip := &trip{conn: a.conn.PgConn()}
	trip.add(step{
		what: "truncate " + t.String(), table: t.tableName,
		sql:    "UPDATE " + t.main() + " SET __end = $1, __current = false WHERE __current AND __origin = $2 AND __start < $1",
		oids:   []uint32{change.TimestampTZ.OID(), change.Text.OID()},
		params: [][]byte{int64Bytes(micros(ev.TsMs)), []byte(ev.Target.Origin)}, read: affected(&n),
	})
	if err := trip.run(ctx); err != nil {
		return err
	}
	stats.Closed += int(n)
	if n > 0 {
		entryOf(ledger, t.id).ended(n)
	}
	return nil
}

// replayRow applies an event of a row: as usual, unless its key went on after it.
func (a *Applier) replayRow(ctx context.Context, b *change.Batch, next int64, ledger map[int32]*ledgerEntry, stats *Stats) error {
	lanes, err := a.lanesOf(ctx, b, b.Events, a.behind(b))
	if err != nil || len(lanes) == 0 || len(lanes[0].events) == 0 {
		return err
	}
	l := lanes[0]
	_, truncated := a.truncated[*b.Events[0].Target].covering(&b.Events[0])
	switch {
	case len(l.t.key) == 0 && truncated:
		return a.applyLate(ctx, b, &b.Events[0], ledger, stats)
	case len(l.t.key) > 0:
		late, err := a.replayLate(ctx, l, next, &b.Arena, ledger, stats)
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
	if err := l.lost(); err != nil {
		return err
	}
	for i := range l.versions {
		if next < forever { // a row without a key that was ended since
			l.versions[i].end, l.versions[i].current = next, false
		}
	}
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
		what: "read starts of " + l.t.String(), table: l.t.tableName,
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
// than a current one that it follows, or that a truncate has ended, or another
// event at time next, which else is forever. late is false when it is none of
// these.
func (a *Applier) replayLate(ctx context.Context, l *lane, next int64, arena *change.Arena, ledger map[int32]*ledgerEntry, stats *Stats) (late bool, err error) {
	e := &l.events[0]
	at := micros(e.ev.TsMs)
	beyond, err := a.fetchBeyond(ctx, l, e, at, arena)
	if err != nil {
		return false, err
	}
	var around *storedVersion // the version that the event falls into
	if len(beyond) > 0 && beyond[0].start <= at {
		around = &beyond[0]
		if beyond[0].start == at && next == at {
			around = nil // it began by the event after this one
		}
	}
	truncate, truncated := a.truncated[*e.ev.Target].covering(e.ev)
	if !truncated && next == forever && (len(beyond) == 0 || around != nil && around.current) {
		return false, nil
	}
	end := next
	if truncated {
		end = min(end, micros(truncate.ts))
	}
	switch {
	case around != nil && around.current:
		// What came next has found it as it is, and so it stays.
		stats.Unchanged++
		return true, nil
	case around != nil && e.row != nil && equalRows(l.t.columns, e.row, around.row), around == nil && e.row == nil:
		stats.Unchanged++
		return true, nil
	case around != nil:
		// A version that has ended: the event takes its second half.
		if err := a.moveEnds(ctx, l, []int64{around.id}, at); err != nil {
			return true, err
		}
		entryOf(ledger, l.t.id).closed = append(entryOf(ledger, l.t.id).closed, around.id)
		end = min(end, around.end)
	case len(beyond) > 0:
		end = min(end, beyond[0].start)
	}
	if e.row == nil {
		return true, a.write(ctx, []*lane{l}, ledger, stats)
	}
	var before change.Tuple
	if around != nil {
		before = around.row
	}
	l.versions = append(l.versions, version{start: at, end: max(at, end), row: l.complete(e.row, before), from: e})
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
		what: "read versions of " + l.t.String(), table: l.t.tableName,
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
