package warehouse

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"metadb/catalog"
	"metadb/change"
)

// confirm decides for each event of the batch whether it confirms the row that it
// writes or finds as it says, and follows the attempts to take a snapshot (rule R17).
func (a *Applier) confirm(ctx context.Context, b *change.Batch) error {
	s := &a.sync
	s.batch = syncBatch{}
	s.marks = s.where // of the batch before, which is committed
	if !s.on {
		return nil
	}
	from := make([]int64, len(b.Parts))
	for i := range b.Parts {
		var err error
		if from[i], err = a.boundary(ctx, &b.Parts[i]); err != nil {
			return err
		}
	}
	var last *change.Target
	var in bool
	decide := func(ev *change.Event, part int, offset int64) {
		ev.Confirms = nil
		if ev.Target != last {
			last, in = ev.Target, a.inSync(ev.Target)
		}
		if from[part] == neverConfirms || offset < from[part] {
			return
		}
		if at := s.attemptOf(ev); at != nil && in && s.where != catalog.MarksNone {
			ev.Confirms = &at.Confirmation
		}
	}
	for i := range b.Events {
		decide(&b.Events[i], b.Events[i].Part, b.Events[i].Offset)
	}
	for i := range b.Dead {
		decide(&b.Dead[i].Event, b.Dead[i].Part, b.Dead[i].Offset)
	}
	for i := range b.Skips {
		// A filter has stopped its row, but it says that the snapshot has ended.
		if sk := &b.Skips[i]; sk.Last != nil {
			decide(sk.Last, int(sk.Part), sk.Offset)
		}
	}
	if err := a.numberAttempts(ctx); err != nil {
		return err
	}
	return a.prepareMarks(ctx, b)
}

// inSync says whether events of a table take part; those of a table that is not
// known do.
func (a *Applier) inSync(to *change.Target) bool {
	s := &a.sync
	if to == nil || s.tables == nil && len(s.ended) == 0 {
		return true
	}
	t := a.tables[tableName{to.Schema, to.Table}]
	return t == nil && s.tables == nil || t != nil && (s.tables == nil || s.tables[t.id]) && !s.ended[t.id]
}

// attemptOf is the attempt that an event belongs to or follows; nil for one that an
// attempt of now has made worthless. All records of one attempt carry one lsn; a
// higher one, or a lower one that is newer in time, as from a restored source, is a
// new attempt.
func (s *syncState) attemptOf(ev *change.Event) *attempt {
	at := s.attempts[ev.Connector]
	if at == nil {
		at = s.begin(&attempt{connector: ev.Connector})
	}
	if !ev.Pos.HasLSN {
		if ev.Op == change.Read {
			s.count(ev, at)
		}
		return at
	}
	newer := ev.TsMs > at.SinceMs
	if ev.Op != change.Read || ev.Snapshot == change.Incremental {
		if at.known && !behind(ev, &at.Confirmation) {
			return nil
		}
		if ev.Op == change.Read {
			s.count(ev, at)
		}
		return at
	}
	switch {
	case !at.known, ev.Pos.LSN > at.LSN, ev.Pos.LSN < at.LSN && newer:
		again := at.known
		s.batch.restart = true
		at = s.begin(&attempt{
			connector: ev.Connector, known: true, Confirmation: change.Confirmation{SinceMs: ev.TsMs, LSN: ev.Pos.LSN},
		})
		if s.initial && again && s.where == catalog.MarksNone {
			// What an attempt has left that was broken off, the next one may not bring
			// again: from now on it counts which rows are brought.
			s.where = catalog.MarksBulk
		}
	case ev.Pos.LSN < at.LSN:
		return nil
	}
	s.count(ev, at)
	if ev.Snapshot == change.LastOfSnapshot {
		s.batch.last = append(s.batch.last, at)
	}
	return at
}

// clockSkew is how far the clocks of a connector, which say when a snapshot was taken,
// and of its source, which say when a transaction was committed, may be apart, in ms. It
// is in favour of the rows: what is taken for later than a snapshot is not closed.
const clockSkew = 10_000

// behind says whether a streamed event lies behind the snapshot of an attempt. Positions
// tell: a transaction was committed behind what it names. The first one behind a snapshot
// or a new slot names no end of another, and may have written before the snapshot
// was taken, so that its time must tell. So it must where a lower position is newer in time,
// which is of a restored source.
func behind(ev *change.Event, at *change.Confirmation) bool {
	switch {
	case ev.Pos.LSN >= at.LSN, ev.Pos.HasCommit && ev.Pos.CommitLSN >= at.LSN:
		return true
	case ev.Pos.HasCommit:
		return ev.TsMs > at.SinceMs
	}
	return ev.TsMs+clockSkew >= at.SinceMs
}

// begin makes an attempt its connector's present one.
func (s *syncState) begin(at *attempt) *attempt {
	if old := s.attempts[at.connector]; old != nil {
		if old.replaced = true; old.Number != 0 {
			s.batch.replaced = append(s.batch.replaced, old)
		}
	}
	s.attempts[at.connector] = at
	s.batch.begun = append(s.batch.begun, at)
	return at
}

// count counts a snapshot row.
func (s *syncState) count(ev *change.Event, at *attempt) {
	if ev.Target == nil {
		return
	}
	if s.batch.rows == nil {
		s.batch.rows = make(map[*change.Target]*snapshotRows)
	}
	r := s.batch.rows[ev.Target]
	if r == nil || r.attempt != at {
		r = &snapshotRows{attempt: at}
		s.batch.rows[ev.Target] = r
	}
	r.n++
}

// numberAttempts draws the numbers of the attempts that the batch begins. Drawn ones
// that are not used, since the transaction fails, do no harm.
func (a *Applier) numberAttempts(ctx context.Context) error {
	begun := a.sync.batch.begun
	if len(begun) == 0 {
		return nil
	}
	rows, err := a.conn.Query(ctx, "SELECT nextval('metadb.sync_number')::integer FROM generate_series(1, $1)", len(begun))
	if err != nil {
		return fmt.Errorf("number attempts: %w", err)
	}
	numbers, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil {
		return fmt.Errorf("number attempts: %w", err)
	}
	for i, at := range begun {
		at.Number = numbers[i]
	}
	return nil
}
