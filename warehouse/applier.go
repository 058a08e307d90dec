package warehouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"metadb/catalog"
	"metadb/change"
)

// ErrFenced says that somebody else owns the positions of the batch, or that the
// source's stream or generation has changed: the batch must be read again.
var ErrFenced = errors.New("positions have moved under this run")

// ErrConflict says that a row which the batch was to end had been ended by
// somebody else; the batch must be applied again.
var ErrConflict = errors.New("a current row changed while the batch was applied")

// Options are what an Applier is made of.
type Options struct {
	Source string
	Stream catalog.Stream
	Log    *slog.Logger
	// Reached is called with the name of a point of the program where a test may
	// kill it; nil outside of such tests.
	Reached func(point string)
	// RewriteAtOnce is the size in bytes up to which a table is rewritten, or
	// indexed, while its source waits; 0: the default.
	RewriteAtOnce int64
	// Now is the clock by which partitions are made ahead of time; nil: time.Now.
	Now func() time.Time
}

// Applier applies the batches of one source on a connection of its own. After an
// error it must be closed: what its transaction did is rolled back, and only the
// stored positions say how far the source is.
type Applier struct {
	conn      *pgx.Conn
	opt       Options
	source    string
	tables    map[tableName]*table
	lz4       bool
	copyBuf   []byte
	owned     map[*change.Target]bool // whose tables are this source's
	swept     map[int32]time.Time     // by table: when its row positions were last swept
	open      openLetters
	waived    map[tableName]bool            // their key was waited for long enough
	ahead     time.Time                     // when a year was last made ahead of time, or tried
	truncated map[change.Target]truncations // of topics with several partitions
	sync      syncState
}

// Open connects and reads the layout of all tables.
func Open(ctx context.Context, config *pgx.ConnConfig, opt Options) (*Applier, error) {
	if opt.Reached == nil {
		opt.Reached = func(string) {}
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.RewriteAtOnce == 0 {
		opt.RewriteAtOnce = rewriteAtOnce
	}
	conn, err := pgx.ConnectConfig(ctx, config.Copy())
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	a := &Applier{conn: conn, opt: opt, source: opt.Source, swept: make(map[int32]time.Time), owned: make(map[*change.Target]bool)}
	if err := a.setup(ctx); err != nil {
		a.Close(ctx)
		return nil, err
	}
	return a, nil
}

// PID is the process of PostgreSQL that serves the Applier.
func (a *Applier) PID() uint32 { return a.conn.PgConn().PID() }

// Close ends the connection; an open transaction is rolled back.
func (a *Applier) Close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = a.conn.Close(ctx)
}

// sessionSettings pin the plans of the Applier's own statements to index
// look-ups: a plan made while a table was empty or not analysed would scan it.
const sessionSettings = `
	SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex'; SET extra_float_digits = 1;
	SET jit = off; SET plan_cache_mode = force_generic_plan;
	SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
	SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;
	SET search_path = pg_catalog, pg_temp`

func (a *Applier) setup(ctx context.Context) error {
	if _, err := a.conn.Exec(ctx, "SET lock_timeout = '"+batchPatience+"'"); err != nil {
		return fmt.Errorf("set patience: %w", err)
	}
	err := pgx.BeginFunc(ctx, a.conn, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT 'lz4' = ANY (coalesce(
			(SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression'), '{}'))`).Scan(&a.lz4)
		if err != nil {
			return fmt.Errorf("look for lz4: %w", err)
		}
		if a.truncated, err = loadTruncations(ctx, tx); err != nil {
			return err
		}
		if a.tables, err = load(ctx, tx, nil); err != nil {
			return err
		}
		return a.loadWaived(ctx, tx)
	})
	if err != nil {
		return err
	}
	if _, err := a.conn.PgConn().Exec(ctx, sessionSettings).ReadAll(); err != nil {
		return fmt.Errorf("set up session: %w", err)
	}
	if err := a.loadLetters(ctx); err != nil {
		return err
	}
	if err := a.loadSync(ctx); err != nil {
		return err
	}
	return a.prepareCommon(ctx)
}

// maxColumns is how many data columns a table may have: PostgreSQL's 1,600 less
// our own.
const maxColumns = 1600 - len(systemColumns)

// evolve makes a schema change in a transaction of its own and installs the
// changed table. It waits for locks only a moment; the error is then a *Pending.
func (a *Applier) evolve(ctx context.Context, n tableName, d delta) (*table, error) {
	old := a.tables[n]
	if old == nil {
		old = newTable(n)
	}
	if len(old.columns)+len(d.add) > maxColumns {
		return nil, fmt.Errorf("table %s would have %d columns, PostgreSQL holds %d: %w",
			n, len(old.columns)+len(d.add), maxColumns, ErrValue)
	}
	size, err := a.rewrites(ctx, old, d)
	if err != nil {
		return nil, err
	}
	if size > a.opt.RewriteAtOnce {
		return nil, &Pending{Schema: n.schema, Table: n.table, delta: d, size: size}
	}
	changed, err := a.tryAlter(ctx, old, d, lockTry, true)
	if isLockWait(err) {
		return nil, &Pending{Schema: n.schema, Table: n.table, delta: d}
	}
	if err != nil {
		return nil, at(n, fmt.Errorf("change table %s: %w", n, err))
	}
	a.opt.Log.Info("table changed", "source", a.source, "table", n.String(), "change", d.String())
	if err := a.forget(ctx, old); err != nil {
		return nil, err
	}
	a.tables[n] = changed
	return changed, nil
}

// Reload reads the layout of a table again, which somebody else has changed.
func (a *Applier) Reload(ctx context.Context, schema, table string) error {
	n := tableName{schema, table}
	if old := a.tables[n]; old != nil {
		if err := a.forget(ctx, old); err != nil {
			return err
		}
		delete(a.tables, n)
	}
	return pgx.BeginFunc(ctx, a.conn, func(tx pgx.Tx) error {
		found, err := load(ctx, tx, &n)
		if t := found[n]; err == nil && t != nil {
			a.tables[n] = t
		}
		if err != nil {
			return err
		}
		return a.loadWaived(ctx, tx)
	})
}

func (a *Applier) tryAlter(ctx context.Context, old *table, d delta, lockTimeout string, fenced bool) (*table, error) {
	a.opt.Reached("ddl.before")
	var t *table
	err := pgx.BeginFunc(ctx, a.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+lockTimeout+"'"); err != nil {
			return err
		}
		// A run whose source was dropped meanwhile must not make its tables again.
		if fenced {
			if err := a.fence(ctx, tx); err != nil {
				return err
			}
		}
		var err error
		t, err = a.alter(ctx, tx, old, d)
		a.opt.Reached("ddl.inside")
		return err
	})
	a.opt.Reached("ddl.after")
	return t, err
}
