package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Kinds of request about a synchronization.
const (
	RequestSync       = "sync"
	RequestEndsync    = "endsync"
	RequestCancelSync = "cancel_sync"
)

// Where the marks of a source's events go.
const (
	MarksNone = 0 // events leave none
	MarksBulk = 1 // metadb.sync_mark
	MarksLate = 2 // metadb.sync_mark_late: an endsync is at work
)

// Sync is a source that synchronizes, or whose new stream leaves marks in case that
// it will.
type Sync struct {
	Generation int32 // attempts and marks of this number and above belong to it
	Stream     int32
	Mode       int16 // SyncNone, SyncInitial or SyncResync, of the source when it began
	Adopted    bool  // false: the marks wait for a SYNC
	Marks      int16
	Tables     []int32 // nil: all
	BegunAt    time.Time
	CompleteAt *time.Time
	EndsyncAt  *time.Time // not nil: an endsync is at work
	Checked    bool       // the guard has let it pass
	Expired    bool       // marks that nobody adopted are older than keep
}

// Sync reads the state of a source; nil when there is none. keep is how long marks
// wait to be adopted.
func (c *Catalog) Sync(ctx context.Context, source string, keep time.Duration) (*Sync, error) {
	var s Sync
	err := c.pool.QueryRow(ctx, `
		SELECT y.generation, y.stream, y.mode, y.adopted, t.marks, y.tables, y.begun_at, y.complete_at, y.endsync_at, y.checked,
		       NOT y.adopted AND y.begun_at < now() - make_interval(secs => $2)
		FROM metadb.source_sync y JOIN metadb.source_state t USING (source) WHERE y.source = $1`, source, keep.Seconds()).
		Scan(&s.Generation, &s.Stream, &s.Mode, &s.Adopted, &s.Marks, &s.Tables, &s.BegunAt, &s.CompleteAt, &s.EndsyncAt, &s.Checked, &s.Expired)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read synchronization of data source %s: %w", source, err)
	}
	return &s, nil
}

// SyncMode is the mode of a source as it is now (SyncNone, SyncInitial, SyncResync). It
// fails with ErrNoSource when the source is gone.
func (c *Catalog) SyncMode(ctx context.Context, source string) (int16, error) {
	var mode int16
	err := c.pool.QueryRow(ctx, "SELECT sync FROM metadb.source WHERE name = $1", source).Scan(&mode)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, ErrNoSource
	}
	if err != nil {
		return 0, fmt.Errorf("read mode of data source %s: %w", source, err)
	}
	return mode, nil
}

// Boundary is a partition whose records below From confirm nothing in the new
// generation.
type Boundary struct {
	Topic     string
	TopicID   [16]byte
	Partition int32
	From      int64
}

// SyncBegin is how a generation begins.
type SyncBegin struct {
	There    []Boundary    // the partitions that exist, with their ends of a moment after the request
	Tables   []int32       // nil: all
	Keep     time.Duration // how long marks wait to be adopted
	Requests []int64       // that are done with it
	// Notices are the ends of the partitions of the connector's topic of notifications; nil:
	// there is none.
	Notices map[int32]int64
}

// BeginSync begins a generation of the source, under its exclusive lock (rule R14):
// whatever batch is under way commits before, or is thrown away. Where marks of the
// same stream wait to be adopted they are, and boundaries are set only in topics that
// were read before it (rule R15). A topic that was deleted and made again, and of which
// nothing is read yet, counts from its first record, too: it holds nothing of before.
// It returns the stream with its new generation.
func (c *Catalog) BeginSync(ctx context.Context, source string, st Stream, begin SyncBegin) (Stream, error) {
	err := c.changeGeneration(ctx, source, &st, begin.Requests, func(tx pgx.Tx) error {
		var adopted bool
		err := tx.QueryRow(ctx, `
			WITH adopted AS (
				UPDATE metadb.source_sync SET adopted = true, mode = $4, tables = $5, begun_at = now(), counts = counts + 1
				WHERE source = $1 AND stream = $2 AND NOT adopted AND begun_at >= now() - make_interval(secs => $3)
				RETURNING 1)
			SELECT EXISTS (SELECT FROM adopted)`, source, st.Number, begin.Keep.Seconds(), SyncResync, begin.Tables).Scan(&adopted)
		if err != nil {
			return err
		}
		if !adopted {
			if err := beginMarks(ctx, tx, source, st.Number, SyncResync, true, begin.Tables); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, "UPDATE metadb.source_sync SET notices_from = $2 WHERE source = $1", source, begin.Notices)
		if err != nil {
			return err
		}
		var b pgx.Batch
		for _, p := range begin.There {
			b.Queue(`
				INSERT INTO metadb.sync_boundary AS t (source, topic, topic_id, partition, confirms_from)
				SELECT $1, $2, $3, $4, CASE WHEN EXISTS (
					SELECT FROM metadb.source_offset o WHERE o.source = $1 AND o.stream = $7 AND o.topic = $2
					HAVING bool_and(o.topic_id <> $3)) THEN 0 ELSE $5 END
				WHERE NOT $6 OR EXISTS (SELECT FROM metadb.sync_boundary o WHERE o.source = $1 AND o.topic = $2 AND o.topic_id = $3)
				ON CONFLICT (source, topic, partition) DO UPDATE
				SET topic_id = excluded.topic_id, confirms_from = excluded.confirms_from`,
				source, p.Topic, p.TopicID, p.Partition, p.From, adopted, st.Number)
		}
		return tx.SendBatch(ctx, &b).Close()
	})
	if err != nil {
		return st, fmt.Errorf("begin synchronization of data source %s: %w", source, err)
	}
	return st, nil
}

// BeginInitial begins the first synchronization of a source. It needs no marks.
func (c *Catalog) BeginInitial(ctx context.Context, source string, st Stream) (Stream, error) {
	err := c.changeGeneration(ctx, source, &st, nil, func(tx pgx.Tx) error {
		if err := beginMarks(ctx, tx, source, st.Number, SyncInitial, true, nil); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE metadb.source_state SET marks = $2 WHERE source = $1", source, MarksNone)
		return err
	})
	if err != nil {
		return st, fmt.Errorf("begin initial synchronization of data source %s: %w", source, err)
	}
	return st, nil
}

// ForgetSync ends whatever synchronization a source is in, and forgets its marks.
// The requests are done with it.
func (c *Catalog) ForgetSync(ctx context.Context, source string, st Stream, requests []int64) (Stream, error) {
	err := c.changeGeneration(ctx, source, &st, requests, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SELECT metadb.abandon_sync($1)", source)
		return err
	})
	if err != nil {
		return st, fmt.Errorf("forget synchronization of data source %s: %w", source, err)
	}
	return st, nil
}

// ForgetSyncs forgets those of sources that no longer exist.
func (c *Catalog) ForgetSyncs(ctx context.Context) error {
	_, err := c.pool.Exec(ctx, `
		SELECT metadb.forget_sync(y.source) FROM metadb.source_sync y
		WHERE NOT EXISTS (SELECT FROM metadb.source s WHERE s.name = y.source)`)
	if err != nil {
		return fmt.Errorf("forget synchronizations: %w", err)
	}
	return nil
}

// ErrReplaced says that a later run of the source has changed its generation.
var ErrReplaced = errors.New("a later run of this data source has changed its generation")

// changeGeneration runs change under the source's exclusive lock, raises the
// generation, which every batch compares, and says that the requests are done.
func (c *Catalog) changeGeneration(ctx context.Context, source string, st *Stream, requests []int64, change func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		// A client may hold a request's row; nothing waits for one under the lock.
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '2s'"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE metadb.request SET state = 'done', finished_at = now() WHERE id = ANY ($1)", requests)
		if err != nil {
			return err
		}
		if err := lockGeneration(ctx, tx, source, *st); err != nil {
			return err
		}
		if err := change(tx); err != nil {
			return err
		}
		return tx.QueryRow(ctx, "UPDATE metadb.source_state SET generation = generation + 1 WHERE source = $1 RETURNING generation", source).
			Scan(&st.Generation)
	})
}

// lockGeneration takes the source's exclusive lock, and fails with ErrReplaced unless
// the generation is the one that the run has opened: what it has read since, and goes by,
// may be long over.
func lockGeneration(ctx context.Context, tx pgx.Tx, source string, st Stream) error {
	if err := LockSourceExclusive(ctx, tx, st.SourceID); err != nil {
		return err
	}
	var same bool
	err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM metadb.source_state WHERE source = $1 AND stream = $2 AND generation = $3)",
		source, st.Number, st.Generation).Scan(&same)
	if err == nil && !same {
		err = ErrReplaced
	}
	return err
}

// LockSourceExclusive waits until no batch of the source is under way, and keeps new
// ones out until the transaction ends.
func LockSourceExclusive(ctx context.Context, tx pgx.Tx, id int32) error {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, $2)", LockSource, id); err != nil {
		return fmt.Errorf("lock source: %w", err)
	}
	return nil
}

// beginMarks begins a generation of marks in place of any other.
func beginMarks(ctx context.Context, tx pgx.Tx, source string, stream int32, mode int16, adopted bool, tables []int32) error {
	if _, err := tx.Exec(ctx, "SELECT metadb.abandon_sync($1)", source); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO metadb.source_sync (source, generation, stream, mode, adopted, tables)
		VALUES ($1, nextval('metadb.sync_number'), $2, $3, $4, $5)`, source, stream, mode, adopted, tables)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE metadb.source_state SET marks = $2 WHERE source = $1", source, MarksBulk)
	return err
}

// MarkRecreated lets the events of topics that were made again leave marks, as those of
// a stream that replaced another do, unless the source synchronizes or its events leave
// marks already. It returns whether they do from now on: then the present generation has
// ended. Partitions whose topics are the ones that were read confirm nothing.
func (c *Catalog) MarkRecreated(ctx context.Context, source string, st Stream) (bool, error) {
	var marked, tables bool
	err := c.pool.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM metadb.source_sync WHERE source = $1), EXISTS (SELECT FROM metadb.table_owner WHERE source = $1)`, source).
		Scan(&marked, &tables)
	if err == nil && tables && !marked {
		err = c.changeGeneration(ctx, source, &st, nil, func(tx pgx.Tx) error { return markNewStream(ctx, tx, source, &st) })
	}
	if err != nil {
		return false, fmt.Errorf("mark topics that were made again of data source %s: %w", source, err)
	}
	return tables && !marked, nil
}

// markNewStream lets the events of a stream that replaced another leave marks, in
// case that a SYNC follows (rule R15); but not those of topics that were read before.
// A source without tables has nothing to confirm.
func markNewStream(ctx context.Context, tx pgx.Tx, source string, st *Stream) error {
	var tables bool
	var mode int16
	var only []int32
	err := tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM metadb.table_owner WHERE source = $1),
		       coalesce((SELECT s.sync FROM metadb.source s WHERE s.name = $1), 0),
		       (SELECT y.tables FROM metadb.source_sync y WHERE y.source = $1)`, source).Scan(&tables, &mode, &only)
	if err != nil || !tables {
		return err
	}
	if err := beginMarks(ctx, tx, source, st.Number, mode, false, only); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO metadb.sync_boundary (source, topic, topic_id, partition)
		SELECT source, topic, topic_id, partition FROM metadb.source_offset WHERE source = $1 AND stream = $2`, source, st.Number)
	return err
}
