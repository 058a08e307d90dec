package warehouse

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

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
		if errors.Is(err, errMarks) {
			if err := a.rollback(ctx); err != nil {
				return total, b, err
			}
			continue
		}
		if missing := (*yearError)(nil); errors.As(err, &missing) {
			if err := a.addYearFor(ctx, missing); err != nil {
				return total, b, err
			}
			continue
		}
		if err != nil {
			return total, b, err
		}
		total.add(stats)
		if tail == nil {
			a.makeAhead(ctx, head)
			return total, nil, nil
		}
		a.opt.Reached("split.between")
		b = tail
	}
}

// applyOne applies a batch for which every table is ready.
func (a *Applier) applyOne(ctx context.Context, b *change.Batch) (Stats, error) {
	stats := Stats{Events: len(b.Events)}
	if err := a.confirm(ctx, b); err != nil {
		return stats, err
	}
	rounds, late, letters := a.splitRounds(b), a.behind(b), a.overtaken(b)
	first := &trip{conn: a.conn.PgConn()}
	a.addFence(first)
	a.addOffsets(first, b.Parts)
	a.addAttempts(first)
	a.addLocks(first, b)
	a.opt.Reached("offsets.before")
	ledger := make(map[int32]*ledgerEntry)
	next := first
	for _, r := range rounds {
		lanes, err := a.lanesOf(ctx, b, r.events, late)
		if err != nil {
			return stats, err
		}
		if err := a.fetch(ctx, next, lanes, &b.Arena); err != nil {
			return stats, err
		}
		for _, l := range lanes {
			l.letters = letters
			l.fold()
			if err := l.lost(); err != nil {
				return stats, err
			}
			for _, ev := range l.missed {
				letters.missed(a, b, ev)
			}
			if err := l.checkYears(); err != nil {
				return stats, err
			}
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
	if err := a.confirmLetters(ctx, b, ledger); err != nil {
		return stats, err
	}
	return stats, a.commit(ctx, b, letters, ledger)
}

// errCommit marks errors after which a batch may be committed or not;
// errNotCommitted says that COMMIT rolled back.
var (
	errCommit       = errors.New("commit batch")
	errNotCommitted = errors.New("the transaction was rolled back")
)

// commit writes ledger and dead letters and commits. An error that is not
// PostgreSQL's own leaves the outcome unknown: the stored positions tell.
func (a *Applier) commit(ctx context.Context, b *change.Batch, letters *overtaking, ledger map[int32]*ledgerEntry) error {
	t := &trip{conn: a.conn.PgConn()}
	addLedger(t, ledger)
	a.addConfirmed(t, ledger)
	ids := make([]int64, len(b.Dead))
	a.addDead(t, b, letters, ids)
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
	a.stored(b, letters, ids)
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
