package warehouse

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"

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
