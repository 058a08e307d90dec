package warehouse

import (
	"context"
	"time"

	"metadb/change"
)

// evolveFor makes the schema changes that the batch's events need, in order, up
// to the first that other events of its table must precede. It returns the index
// of the event before which the batch is to be cut; len(b.Events) for none.
func (a *Applier) evolveFor(ctx context.Context, b *change.Batch) (int, error) {
	seen := make(map[tableName]bool)
	shapes := make(map[*change.Target]*change.Shape) // of tables without a key
	var last readyFor
	for i := range b.Events {
		ev := &b.Events[i]
		if last.covers(ev) {
			continue
		}
		n := tableName{ev.Target.Schema, ev.Target.Table}
		t := a.tables[n]
		if t != nil && t.fault != nil {
			return 0, t.fault
		}
		if a.awaitsKey(n, ev) {
			return 0, &KeyWait{Schema: n.schema, Table: n.table}
		}
		if ev.Op == change.Update && ev.KeyShape == nil && ev.Before == nil && (t == nil || len(t.key) == 0) {
			return 0, ErrNoKey
		}
		if t == nil || !t.ready(ev) {
			d := deltaFor(t, ev)
			if d.barrier() && seen[n] {
				return i, nil
			}
			for ; !d.empty(); d = deltaFor(t, ev) {
				var err error
				if t, err = a.evolve(ctx, n, d); err != nil {
					return 0, err
				}
			}
			if t != nil {
				if _, err := t.planFor(ev); err != nil {
					return 0, err
				}
			}
		}
		if t != nil {
			if err := a.own(ctx, t, ev.Target); err != nil {
				return 0, err
			}
		}
		if t != nil && len(t.key) == 0 && ev.Shape != nil {
			if before := shapes[ev.Target]; before != nil && !before.SameNames(ev.Shape) {
				return i, nil // its rows are found by other columns
			}
			shapes[ev.Target] = ev.Shape
		}
		seen[n] = true
		last = a.tables[n].readyAlso(ev)
	}
	return len(b.Events), nil
}

// readyFor describes events that a table is known to take as it is, by what
// decides it. In most batches it is nearly all of them.
type readyFor struct {
	target   *change.Target
	row, key *change.Shape
	from, to int64 // source time, ms
}

func (r *readyFor) covers(ev *change.Event) bool {
	return ev.Target == r.target && ev.Shape == r.row && ev.KeyShape == r.key && !ev.KeyLost &&
		ev.Op != change.Delete && ev.Op != change.Truncate && r.from <= ev.TsMs && ev.TsMs < r.to
}

// readyAlso are the events for which t, being ready for ev, is ready too. The
// zero answer covers none.
func (t *table) readyAlso(ev *change.Event) readyFor {
	if t == nil || ev.Op == change.Delete || !t.ready(ev) {
		return readyFor{}
	}
	if p := t.plans[planKey{ev.Shape, ev.KeyShape}]; p == nil || p.checkUUID {
		return readyFor{}
	}
	year := yearOf(ev.TsMs)
	return readyFor{
		target: ev.Target, row: ev.Shape, key: ev.KeyShape,
		from: time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli(), to: time.Date(year+1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli(),
	}
}

// planFor returns the plan for events like ev, made now if a schema change has
// forgotten it; nil for events without a row.
func (t *table) planFor(ev *change.Event) (*plan, error) {
	if ev.Shape == nil {
		return nil, nil
	}
	key := planKey{ev.Shape, ev.KeyShape}
	if p, ok := t.plans[key]; ok {
		return p, nil
	}
	p, err := newPlan(t, ev.Shape)
	if err != nil {
		return nil, err
	}
	t.plans[key] = p
	return p, nil
}

// ready says whether t can take the event as it is.
func (t *table) ready(ev *change.Event) bool {
	if ev.Shape == nil {
		return deltaFor(t, ev).empty()
	}
	p, ok := t.plans[planKey{ev.Shape, ev.KeyShape}]
	if !ok || ev.Op != change.Delete && !t.years[yearOf(ev.TsMs)] {
		return false
	}
	return !p.checkUUID || deltaFor(t, ev).empty()
}
