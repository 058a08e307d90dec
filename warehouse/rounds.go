package warehouse

import (
	"bytes"
	"context"
	"slices"

	"metadb/change"
)

// round is a run of events with, perhaps, one behind them that is applied by
// itself: a truncate, whose effect what lies after it must see, or an event that
// comes later than a truncate which it precedes in the source.
type round struct {
	events  []change.Event
	barrier *change.Event
}

// splitRounds cuts the batch at such events.
func (a *Applier) splitRounds(b *change.Batch) []round {
	var rounds []round
	start := 0
	known := make(map[change.Target]truncations)
	for i := range b.Events {
		ev := &b.Events[i]
		shared := b.Parts[ev.Part].Shared || afar(ev)
		if ev.Op != change.Truncate && !shared {
			continue
		}
		n := *ev.Target
		if _, ok := known[n]; !ok {
			known[n] = a.truncated[n]
		}
		switch {
		case ev.Op != change.Truncate:
			if _, late := known[n].covering(ev); !late {
				continue
			}
		case shared && known[n].has(truncationOf(ev)):
			continue // sent again, on whatever partition
		case shared:
			known[n] = known[n].with(truncationOf(ev))
		}
		rounds = append(rounds, round{b.Events[start:i], ev})
		start = i + 1
	}
	if start < len(b.Events) {
		rounds = append(rounds, round{events: b.Events[start:]})
	}
	return rounds
}

// lanesOf sorts the events into lanes, by table id and origin. Deletes of a
// table that does not exist do nothing.
func (a *Applier) lanesOf(ctx context.Context, b *change.Batch, events []change.Event, late map[*change.Event]bool) ([]*lane, error) {
	byTarget := make(map[*change.Target]*lane)
	var lanes []*lane
	var target *change.Target // of the event before, with its lane, shapes and plan
	var l *lane
	var shapes planKey
	var p *plan
	for i := range events {
		ev := &events[i]
		if ev.Op == change.Truncate {
			continue
		}
		if ev.Target == target && (planKey{ev.Shape, ev.KeyShape}) == shapes {
			if err := l.add(ev, p, b.Parts[ev.Part].Shared, &b.Arena); err != nil {
				return nil, err
			}
			continue
		}
		if l = byTarget[ev.Target]; l == nil {
			t := a.tables[tableName{ev.Target.Schema, ev.Target.Table}]
			if t == nil {
				continue
			}
			if err := a.prepare(ctx, t); err != nil {
				return nil, err
			}
			l = newLane(t, ev.Target.Origin)
			l.lookBy(ev.Shape)
			l.afar = afar(ev)
			l.behind = late
			if at, known := a.sync.endsynced[t.tableName]; known {
				l.endsynced = at
			}
			byTarget[ev.Target] = l
			lanes = append(lanes, l)
		}
		var err error
		if p, err = l.t.planFor(ev); err != nil {
			return nil, err
		}
		target, shapes = ev.Target, planKey{ev.Shape, ev.KeyShape}
		if err := l.add(ev, p, b.Parts[ev.Part].Shared, &b.Arena); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(lanes, func(x, y *lane) int {
		if x.t.id != y.t.id {
			return int(x.t.id) - int(y.t.id)
		}
		return bytes.Compare([]byte(x.origin), []byte(y.origin))
	})
	return lanes, nil
}
