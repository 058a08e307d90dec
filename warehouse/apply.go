package warehouse

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"metadb/catalog"
	"metadb/change"
)

// Stats counts what a batch did.
type Stats struct {
	Events    int // applied, unchanged ones included
	Versions  int // rows written
	Closed    int // stored rows ended
	Unchanged int // events that changed nothing
	Missing   int // values that were not sent and are not known: stored as NULL
}

func (s *Stats) add(o Stats) {
	s.Events += o.Events
	s.Versions += o.Versions
	s.Closed += o.Closed
	s.Unchanged += o.Unchanged
	s.Missing += o.Missing
}

// Apply writes the batch and moves its positions, in one transaction; where the
// type or the key of a table changes between its events, in one for the events
// before and one for the rest. Schema changes are made before. On an error, rest
// is what was not applied: the batch without the parts that were; nil means that
// it cannot be told, and only the stored positions say.
func (a *Applier) Apply(ctx context.Context, b *change.Batch) (total Stats, rest *change.Batch, err error) {
	for {
		cut, err := a.evolveFor(ctx, b)
		if err != nil {
			return total, b, err
		}
		head, tail := b, (*change.Batch)(nil)
		if cut < len(b.Events) {
			head, tail = b.Split(cut)
		}
		stats, err := a.applyOne(ctx, head)
		if errors.Is(err, errCommit) {
			return total, nil, err
		}
		if err != nil {
			return total, b, err
		}
		total.add(stats)
		if tail == nil {
			return total, nil, nil
		}
		a.opt.Reached("split.between")
		b = tail
	}
}

// evolveFor makes the schema changes that the batch's events need, in order, up
// to the first that other events of its table must precede. It returns the index
// of the event before which the batch is to be cut; len(b.Events) for none.
func (a *Applier) evolveFor(ctx context.Context, b *change.Batch) (int, error) {
	seen := make(map[tableName]bool)
	var last readyFor
	for i := range b.Events {
		ev := &b.Events[i]
		if last.covers(ev) {
			continue
		}
		n := tableName{ev.Target.Schema, ev.Target.Table}
		t := a.tables[n]
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
	return ev.Target == r.target && ev.Shape == r.row && ev.KeyShape == r.key &&
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

// applyOne applies a batch for which every table is ready.
func (a *Applier) applyOne(ctx context.Context, b *change.Batch) (Stats, error) {
	stats := Stats{Events: len(b.Events)}
	rounds := a.splitRounds(b)
	first := &trip{conn: a.conn.PgConn()}
	a.addFence(first)
	a.addOffsets(first, b.Parts)
	a.addLocks(first, b.Events)
	a.opt.Reached("offsets.before")
	ledger := make(map[int32]*ledgerEntry)
	next := first
	for _, r := range rounds {
		lanes, err := a.lanesOf(ctx, b, r.events)
		if err != nil {
			return stats, err
		}
		if err := a.fetch(ctx, next, lanes, &b.Arena); err != nil {
			return stats, err
		}
		for _, l := range lanes {
			l.fold()
		}
		if err := a.write(ctx, lanes, ledger, &stats); err != nil {
			return stats, err
		}
		if err := a.writeStale(ctx, lanes, &b.Arena, ledger, &stats); err != nil {
			return stats, err
		}
		next = &trip{conn: a.conn.PgConn()}
		switch {
		case r.barrier == nil:
		case r.barrier.Op == change.Truncate:
			err = a.truncate(ctx, b, r.barrier, ledger, &stats)
		default:
			err = a.applyLate(ctx, b, r.barrier, ledger, &stats)
		}
		if err != nil {
			return stats, err
		}
	}
	if len(rounds) == 0 {
		if err := first.run(ctx); err != nil {
			return stats, err
		}
	}
	return stats, a.commit(ctx, b, ledger)
}

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
	known := make(map[tableName]truncations)
	for i := range b.Events {
		ev := &b.Events[i]
		if ev.Op != change.Truncate && !b.Parts[ev.Part].Shared {
			continue
		}
		n := tableName{ev.Target.Schema, ev.Target.Table}
		if _, ok := known[n]; !ok && a.tables[n] != nil {
			known[n] = a.tables[n].truncated
		}
		shared := b.Parts[ev.Part].Shared
		switch {
		case ev.Op != change.Truncate:
			if _, late := known[n].covering(ev); !shared || !late {
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
func (a *Applier) lanesOf(ctx context.Context, b *change.Batch, events []change.Event) ([]*lane, error) {
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

// addLocks takes the shared locks of all tables of the batch, in the order of
// their ids (rule R16).
func (a *Applier) addLocks(t *trip, events []change.Event) {
	var ids []int32
	known := make(map[*change.Target]bool)
	var last *change.Target
	for i := range events {
		target := events[i].Target
		if target == last || known[target] {
			continue
		}
		known[target], last = true, target
		if table := a.tables[tableName{target.Schema, target.Table}]; table != nil {
			ids = append(ids, table.id)
		}
	}
	slices.Sort(ids)
	t.add(step{what: "lock tables", stmt: stmtLocks, params: [][]byte{int32Bytes(catalog.LockTable), int32Array(slices.Compact(ids))}})
}

// fetch reads the current rows of all keys, behind what the trip holds already.
func (a *Applier) fetch(ctx context.Context, t *trip, lanes []*lane, arena *change.Arena) error {
	for _, l := range lanes {
		read := func(r *pgconn.ResultReader) error {
			for r.NextRow() {
				l.stored(r.Values(), arena)
			}
			return nil
		}
		if len(l.keys) > 0 && l.keys[0].n > 0 {
			t.add(step{what: "read rows of " + l.t.String(), stmt: l.t.stmts.fetch, params: l.params(l.keys), read: read})
		}
		a.addSeen(t, l)
		a.addMoved(t, l, arena)
		if l.nullish != nil {
			t.add(step{what: "read rows of " + l.t.String(), stmt: l.t.stmts.nullable, params: l.params(l.nullish), read: read})
		}
	}
	if len(t.steps) == 0 {
		return nil
	}
	if err := t.send(ctx); err != nil {
		return err
	}
	a.opt.Reached("fetch.inside")
	if err := t.receive(); err != nil {
		return err
	}
	a.opt.Reached("fetch.after")
	return nil
}

func (l *lane) params(arrays []*array) [][]byte {
	params := make([][]byte, 0, len(arrays)+1)
	for _, k := range arrays {
		params = append(params, k.bytes())
	}
	return append(params, []byte(l.origin))
}

// errCommit marks errors after which a batch may be committed or not;
// errNotCommitted says that COMMIT rolled back.
var (
	errCommit       = errors.New("commit batch")
	errNotCommitted = errors.New("the transaction was rolled back")
)

// commit writes ledger and dead letters and commits. An error that is not
// PostgreSQL's own leaves the outcome unknown: the stored positions tell.
func (a *Applier) commit(ctx context.Context, b *change.Batch, ledger map[int32]*ledgerEntry) error {
	t := &trip{conn: a.conn.PgConn()}
	addLedger(t, ledger)
	a.addDead(t, b)
	t.add(step{what: "commit", sql: "COMMIT", read: func(r *pgconn.ResultReader) error {
		tag, err := r.Close()
		if err == nil && tag.String() != "COMMIT" {
			return errNotCommitted
		}
		return err
	}})
	a.opt.Reached("commit.before")
	if err := t.send(ctx); err != nil {
		return err
	}
	a.opt.Reached("commit.sent")
	if err := t.receive(); err != nil {
		var pg *pgconn.PgError
		if errors.As(err, &pg) {
			return err
		}
		return fmt.Errorf("%w: %w", errCommit, err)
	}
	a.opt.Reached("commit.after")
	return nil
}

// readIDs reads nextval results.
func readIDs(ids *[]int64) func(*pgconn.ResultReader) error {
	return func(r *pgconn.ResultReader) error {
		for r.NextRow() {
			*ids = append(*ids, int64(binary.BigEndian.Uint64(r.Values()[0])))
		}
		return nil
	}
}
