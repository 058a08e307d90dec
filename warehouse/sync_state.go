package warehouse

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"metadb/catalog"
	"metadb/change"
)

// errMarks says that the source's marks go elsewhere than this run believes: a
// synchronization began to end, or has ended. The batch is applied again.
var errMarks = errors.New("the synchronization has changed under this run")

// never confirms: a partition whose records confirm nothing.
const neverConfirms = -1

// syncState is what an Applier knows of its source's synchronization.
type syncState struct {
	marks int16 // where marks go, as the fence must find it
	where int16 // where those of the batch at hand go
	on    bool  // there is a synchronization, or a new stream that leaves marks

	generation int32
	initial    bool
	tables     map[int32]bool      // that are synchronized; nil: all
	ended      map[int32]bool      // that an endsync has done with
	attempts   map[string]*attempt // the present one of each connector
	boundaries map[partitionName]int64
	prepared   map[int32]bool // tables with a partition of metadb.sync_mark; true: all their marks go there
	streamed   map[int32]bool // tables with marks of streamed events, perhaps

	// endsynced are the ends that endsyncs have written, by table, µs since 2000;
	// lastEndsync is the latest of them.
	endsynced   map[tableName]int64
	lastEndsync int64

	batch syncBatch
}

// partitionName names a partition of a topic.
type partitionName struct {
	topic string
	id    int32
}

// attempt is a connector's attempt to take a snapshot, or, without an lsn, what it
// streams before a snapshot of it is seen.
type attempt struct {
	change.Confirmation
	connector string
	known     bool // its lsn is
	replaced  bool // by a later one
}

// syncBatch is what a batch does to its source's synchronization.
type syncBatch struct {
	begun    []*attempt // new attempts, with numbers
	replaced []*attempt // stored ones that they replace
	restart  bool       // a snapshot has begun again or for the first time
	last     []*attempt // whose last record was seen
	rows     map[*change.Target]*snapshotRows
}

// snapshotRows are those of a table.
type snapshotRows struct {
	n       int64
	attempt *attempt
}

// loadSync reads what the catalog says of the source's synchronization.
func (a *Applier) loadSync(ctx context.Context) error {
	s := syncState{
		attempts: make(map[string]*attempt), boundaries: make(map[partitionName]int64), prepared: make(map[int32]bool), streamed: make(map[int32]bool),
		endsynced: make(map[tableName]int64), lastEndsync: never,
	}
	err := pgx.BeginFunc(ctx, a.conn, func(tx pgx.Tx) error {
		var mode *int16
		var generation *int32
		var tables, ended []int32
		err := tx.QueryRow(ctx, `
			SELECT t.marks, y.generation, y.mode, y.tables,
			       ARRAY(SELECT e.table_id FROM metadb.sync_table e WHERE e.source = t.source AND e.ended)
			FROM metadb.source_state t LEFT JOIN metadb.source_sync y USING (source) WHERE t.source = $1`, a.source).
			Scan(&s.marks, &generation, &mode, &tables, &ended)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		s.where = s.marks
		if s.on = generation != nil; s.on {
			s.generation, s.initial = *generation, *mode == catalog.SyncInitial
			s.tables, s.ended = setOf(tables), setOf(ended)
			if err := s.loadAttempts(ctx, tx, a.source); err != nil {
				return err
			}
			if err := s.loadStreamed(ctx, tx); err != nil {
				return err
			}
		}
		return s.loadEndsynced(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("read synchronization: %w", err)
	}
	a.sync = s
	return nil
}

func (s *syncState) loadAttempts(ctx context.Context, tx pgx.Tx, source string) error {
	rows, err := tx.Query(ctx, `
		SELECT number, connector, lsn, coalesce(ts_ms, 0) FROM metadb.sync_attempt
		WHERE source = $1 AND generation = $2 AND current`, source, s.generation)
	if err != nil {
		return err
	}
	var number int32
	var connector string
	var lsn *int64
	var ts int64
	_, err = pgx.ForEachRow(rows, []any{&number, &connector, &lsn, &ts}, func() error {
		at := &attempt{connector: connector, known: lsn != nil, Confirmation: change.Confirmation{Number: number, SinceMs: ts}}
		if at.known {
			at.LSN = uint64(*lsn)
		}
		s.attempts[connector] = at
		return nil
	})
	return err
}

// loadStreamed finds the tables that have marks of streamed events, of whatever source.
func (s *syncState) loadStreamed(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		SELECT id FROM metadb.data_table d
		WHERE EXISTS (SELECT FROM metadb.sync_mark m WHERE m.table_id = d.id) OR EXISTS (SELECT FROM metadb.sync_mark_late l WHERE l.table_id = d.id)`)
	if err != nil {
		return err
	}
	var table int32
	_, err = pgx.ForEachRow(rows, []any{&table}, func() error { s.streamed[table] = true; return nil })
	return err
}

func (s *syncState) loadEndsynced(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		SELECT schema_name, table_name, (extract(epoch FROM endsync_at) * 1000000)::bigint FROM metadb.data_table
		WHERE endsync_at IS NOT NULL`)
	if err != nil {
		return err
	}
	var n tableName
	var at int64
	_, err = pgx.ForEachRow(rows, []any{&n.schema, &n.table, &at}, func() error {
		s.endsynced[n] = at - epochMicros
		s.lastEndsync = max(s.lastEndsync, at-epochMicros)
		return nil
	})
	return err
}

// endsynced says whether an event comes from before an end that an endsync has
// written in its table.
func (a *Applier) endsynced(ev *change.Event) bool {
	at := micros(ev.TsMs)
	return at < a.sync.lastEndsync && at < a.sync.endsynced[tableName{ev.Target.Schema, ev.Target.Table}]
}

// rollback ends a transaction that is to be tried again, and reads anew what it may
// have changed in memory.
func (a *Applier) rollback(ctx context.Context) error {
	if _, err := a.conn.Exec(ctx, "ROLLBACK"); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	return a.loadSync(ctx)
}

// boundary is the offset from which on a partition's records confirm. It is looked
// for with the partition's first batch, when its topic's identity is known.
func (a *Applier) boundary(ctx context.Context, p *change.Part) (int64, error) {
	name := partitionName{p.Topic, p.Partition}
	if from, known := a.sync.boundaries[name]; known {
		return from, nil
	}
	from := int64(0)
	err := a.conn.QueryRow(ctx, `
		SELECT coalesce(b.confirms_from, $5) FROM metadb.sync_boundary b
		JOIN metadb.source_offset o USING (source, topic, partition, topic_id)
		WHERE b.source = $1 AND b.topic = $2 AND b.partition = $3 AND o.stream = $4`,
		a.source, p.Topic, p.Partition, a.opt.Stream.Number, neverConfirms).Scan(&from)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("read boundary: %w", err)
	}
	a.sync.boundaries[name] = from
	return from, nil
}

// setOf is nil for no list.
func setOf(list []int32) map[int32]bool {
	if list == nil {
		return nil
	}
	set := make(map[int32]bool, len(list))
	for _, n := range list {
		set[n] = true
	}
	return set
}
