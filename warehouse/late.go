package warehouse

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"

	"metadb/change"
)

// applyLate applies an event that comes after a truncate which, in the source, it
// precedes: what it begins has ended with the truncate. It goes by itself; such
// events are as many as partitions lag behind each other around a truncate.
func (a *Applier) applyLate(ctx context.Context, b *change.Batch, ev *change.Event, ledger map[int32]*ledgerEntry, stats *Stats) error {
	t := a.tables[tableName{ev.Target.Schema, ev.Target.Table}]
	if t == nil {
		return nil
	}
	if err := a.prepare(ctx, t); err != nil {
		return err
	}
	p, err := t.planFor(ev)
	if err != nil {
		return err
	}
	l := newLane(t, ev.Target.Origin)
	l.lookBy(ev.Shape)
	if err := l.add(ev, p, true, &b.Arena); err != nil {
		return err
	}
	limit, _ := a.truncated[*ev.Target].covering(ev)
	at := micros(ev.TsMs)
	if err := a.fetchLate(ctx, l, at, &b.Arena); err != nil {
		return err
	}
	a.opt.Reached("late.before")
	e := &l.events[0]
	if len(t.key) == 0 && ev.Unkeyed() && l.repeated(ev) {
		stats.Unchanged++
		return a.write(ctx, []*lane{l}, ledger, stats)
	}
	ended, row, unchanged := l.lateChange(e)
	if unchanged {
		stats.Unchanged++
		return nil
	}
	if len(ended) > 0 {
		if err := a.moveEnds(ctx, l, ended, at); err != nil {
			return err
		}
		entryOf(ledger, t.id).closed = append(entryOf(ledger, t.id).closed, ended...)
	}
	a.opt.Reached("late.inside")
	if row != nil {
		l.versions = append(l.versions, version{start: at, end: micros(limit.ts), row: row, from: e})
	}
	if err := a.write(ctx, []*lane{l}, ledger, stats); err != nil {
		return err
	}
	a.opt.Reached("late.after")
	return nil
}

// lateChange says what a late event does to the version that stood at its time:
// whether it ends then, and which row begins.
func (l *lane) lateChange(e *laneEvent) (ended []int64, row change.Tuple, unchanged bool) {
	var before change.Tuple
	at := micros(e.ev.TsMs)
	if e.state != nil {
		for _, r := range e.state.rows {
			if len(l.t.key) > 0 && e.row != nil && equalRows(l.t.columns, e.row, r.row) && !e.recreates(r.begin(), at) {
				return nil, nil, true
			}
			ended, before = append(ended, r.id), r.row
			if len(l.t.key) == 0 {
				break
			}
		}
	}
	if e.old != nil {
		before = l.rowBefore(e, at)
	}
	if e.row != nil {
		row = l.complete(e.row, e.sentBefore(before))
	}
	return ended, row, false
}

// fetchLate reads the version of the event's key that stood at its time, and has
// ended meanwhile: perhaps at that very time, by the truncate.
func (a *Applier) fetchLate(ctx context.Context, l *lane, at int64, arena *change.Arena) error {
	t := &trip{conn: a.conn.PgConn()}
	a.addSeen(t, l)
	a.addMoved(t, l, arena)
	if len(l.keys) > 0 && l.keys[0].n > 0 {
		end := ">"
		if len(l.t.key) > 0 {
			end = ">="
		}
		params := append(l.params(l.keys), int64Bytes(at))
		t.add(step{
			what: "read ended rows of " + l.t.String(), table: l.t.tableName, sql: l.t.fetchEndedSQL(l.look, end, false), oids: append(l.t.fetchTypes(l.look), change.TimestampTZ.OID()),
			params: params, read: func(r *pgconn.ResultReader) error {
				for r.NextRow() {
					l.stored(r.Values(), arena)
				}
				return nil
			},
		})
	}
	if len(t.steps) == 0 {
		return nil
	}
	if err := t.run(ctx); err != nil {
		return err
	}
	return a.fetchPlaces(ctx, l)
}

// moveEnds lets ended versions end earlier.
func (a *Applier) moveEnds(ctx context.Context, l *lane, ids []int64, at int64) error {
	t := &trip{conn: a.conn.PgConn()}
	t.add(step{
		what: "move ends of " + l.t.String(), table: l.t.tableName,
		sql:    "UPDATE " + l.t.main() + " SET __end = greatest($2, __start) WHERE NOT __current AND __id = ANY ($1)",
		oids:   []uint32{change.Int8.ArrayOID(), change.TimestampTZ.OID()},
		params: [][]byte{int64Array(ids), int64Bytes(at)}, read: expectRows(int64(len(ids)), ErrConflict),
	})
	return t.run(ctx)
}

// writeStale puts events of keys that have changed since into the history: rows as
// versions that end where the next one begins.
func (a *Applier) writeStale(ctx context.Context, lanes []*lane, arena *change.Arena, ledger map[int32]*ledgerEntry, stats *Stats) error {
	for _, stale := range lanes {
		for _, e := range stale.stale {
			p, err := stale.t.planFor(e.ev)
			if err != nil {
				return err
			}
			l := newLane(stale.t, stale.origin)
			if err := l.add(e.ev, p, false, arena); err != nil {
				return err
			}
			next := int64(forever)
			if end, early := e.state.ends.covering(e.ev); early && e.row != nil {
				next = micros(end.ts)
			}
			if e.tied {
				next = micros(e.ev.TsMs)
			}
			if _, err := a.replayLate(ctx, l, next, arena, ledger, stats); err != nil {
				return err
			}
		}
	}
	return nil
}
