package warehouse

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Bounds of the wait for a schema change's locks: short tries let readers that
// come meanwhile pass; after a long while one try waits its turn.
const (
	lockTry     = "100ms"
	lockTryLast = "30s"
)

// lockBackOff gives the pauses between tries for locks.
func lockBackOff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 50*time.Millisecond, 5*time.Second
	return b
}

// rewriteAtOnce is Options.RewriteAtOnce unless it is given.
const rewriteAtOnce = 64 << 20

// Pending is a schema change of one table that is not made yet: others hold locks
// on the table, or it will take long. Other tables are not concerned. The Applier
// that returned it goes on; the table is as it was.
type Pending struct {
	Schema, Table string
	delta         delta
	size          int64 // of the table, if all of it is rewritten or indexed; 0: not
}

// Error says which table waits, and for what.
func (p *Pending) Error() string { return p.reason(nil) }

func (p *Pending) reason(blockers []int32) string {
	what := fmt.Sprintf("table %s.%s waits for locks to %s", p.Schema, p.Table, p.delta)
	if p.size > 0 {
		what = fmt.Sprintf("table %s.%s waits while its %d MB are rewritten to %s", p.Schema, p.Table, p.size>>20, p.delta)
	}
	return what + blockedBy(blockers)
}

// blockedBy names processes; none if there are none.
func blockedBy(blockers []int32) string {
	if len(blockers) == 0 {
		return ""
	}
	pids := make([]string, len(blockers))
	for i, pid := range blockers {
		pids[i] = strconv.Itoa(int(pid))
	}
	return "; blocked by process " + strings.Join(pids, ", ")
}

// Patience says how a pending change is waited for.
type Patience struct {
	// MaxWait is how long short tries go on, each of which gives way to readers,
	// before one waits its turn for 30 seconds. Then they begin again.
	MaxWait time.Duration
	// Blockers tells which processes a process waits for.
	Blockers func(ctx context.Context, pid uint32) ([]int32, error)
	// Waiting is called with what the change waits for, whenever that is known anew.
	Waiting func(reason string)
}

// Make makes the change on an Applier of its own, which nobody else uses, as soon
// as its locks are free. The Applier at work must Reload the table afterwards.
func (p *Pending) Make(ctx context.Context, a *Applier, how Patience) error {
	n := tableName{p.Schema, p.Table}
	old := a.tables[n]
	d := p.delta
	switch {
	case old != nil:
		d = d.without(old)
	case d.create:
		old = newTable(n)
	default:
		return nil // the table is gone; its next event tells what to do
	}
	if d.empty() {
		return nil
	}
	pauses := lockBackOff()
	how.Waiting(p.Error())
	for since := time.Now(); ; {
		patience := lockTry
		if time.Since(since) >= how.MaxWait {
			patience, since = lockTryLast, time.Now()
		}
		err := p.try(ctx, a, old, d, patience, how)
		if err == nil {
			a.opt.Log.Info("table changed", "source", a.source, "table", n.String(), "change", d.String())
			return nil
		}
		if !isLockWait(err) {
			return at(n, fmt.Errorf("change table %s: %w", n, err))
		}
		timer := time.NewTimer(pauses.NextBackOff())
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// try tries to make the change, and tells meanwhile who is in its way.
func (p *Pending) try(ctx context.Context, a *Applier, old *table, d delta, patience string, how Patience) error {
	return watched(ctx, a.conn, how, p.reason, func() error {
		// A change that waits, or takes hours, must not keep a new generation waiting
		// for the source's lock. Only what makes a table needs to know that the source
		// is still there.
		_, err := a.tryAlter(ctx, old, d, patience, d.create)
		return err
	})
}

// isLockWait says whether a schema change did not get its locks.
func isLockWait(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "55P03" || pg.Code == "40P01")
}

// rewrites is the size of a table that a change rewrites, or indexes, as a whole.
func (a *Applier) rewrites(ctx context.Context, t *table, d delta) (int64, error) {
	if d.create || len(d.retype) == 0 && !indexes(t, d) {
		return 0, nil
	}
	var size int64
	err := a.conn.QueryRow(ctx, "SELECT coalesce(sum(pg_relation_size(relid)), 0)::bigint FROM pg_partition_tree(to_regclass($1))", t.main()).Scan(&size)
	if err != nil {
		return 0, at(t.tableName, fmt.Errorf("measure table %s: %w", t, err))
	}
	return size, nil
}

// indexes says whether a change makes an index over columns that hold values.
func indexes(t *table, d delta) bool {
	if len(d.key) > 1 {
		return true
	}
	for _, name := range d.index {
		if _, there := t.index[name]; there {
			return true
		}
	}
	return false
}
