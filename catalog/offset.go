package catalog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Offset is the stored position of one partition, with the mark by which events
// sent again are known. Mark fields are nil until the first event.
type Offset struct {
	Topic     string
	TopicID   [16]byte
	Partition int32
	Next      int64 // -1: not known, but the mark is
	CommitLSN *int64
	LSN       *int64
	TxID      *int64
	TopLSN    *int64
	TsMs      *int64
	Run       []int64
	RunAgain  *int32
	LastSent  *int64
	// Since is the synchronization with which the partition came; 0: none. Those of a
	// lower number are read to their ends before those of a higher one.
	Since int32
}

// Gap kinds: the log's start passed the position; the log ends before it; the
// topic was deleted and made again; an event that ends rows is a dead letter; an
// endsync closed rows before the snapshot was known to be complete.
const (
	GapRetention  = "retention"
	GapTruncated  = "truncated"
	GapRecreated  = "recreated"
	GapDeadLetter = "dead_letter"
	GapForced     = "forced"
)

// Gap is a stretch of a partition that is known to be missing.
type Gap struct {
	Topic               string
	Partition           int32
	Kind                string
	Expected, Available int64
}

// Offsets reads the stored positions of a stream.
func (c *Catalog) Offsets(ctx context.Context, source string, stream int32) ([]Offset, error) {
	rows, err := c.pool.Query(ctx, `
		SELECT topic, topic_id, partition, next, commit_lsn, lsn, tx_id, top_lsn, ts_ms, run, run_again, last_sent, since
		FROM metadb.source_offset WHERE source = $1 AND stream = $2`, source, stream)
	if err != nil {
		return nil, fmt.Errorf("read offsets: %w", err)
	}
	offsets, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Offset])
	if err != nil {
		return nil, fmt.Errorf("read offsets: %w", err)
	}
	return offsets, nil
}

// PlaceOffsets creates positions, or moves them to where reading can go on, and
// records the gaps that this leaves, in one transaction. It fails when a later
// epoch owns one of them.
func (c *Catalog) PlaceOffsets(ctx context.Context, source string, st Stream, offsets []Offset, gaps []Gap) error {
	err := pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		var b pgx.Batch
		for _, o := range offsets {
			b.Queue(`
				INSERT INTO metadb.source_offset AS t
				       (source, stream, topic, topic_id, partition, next, epoch, commit_lsn, lsn, tx_id, top_lsn, ts_ms, run, run_again, last_sent, since)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
				ON CONFLICT (source, stream, topic, partition) DO UPDATE
				SET topic_id = excluded.topic_id, next = excluded.next, epoch = excluded.epoch,
				    commit_lsn = excluded.commit_lsn, lsn = excluded.lsn, tx_id = excluded.tx_id, top_lsn = excluded.top_lsn, ts_ms = excluded.ts_ms,
				    run = excluded.run, run_again = excluded.run_again, last_sent = excluded.last_sent, since = excluded.since
				WHERE t.epoch <= excluded.epoch`,
				source, st.Number, o.Topic, o.TopicID, o.Partition, o.Next, st.Epoch,
				o.CommitLSN, o.LSN, o.TxID, o.TopLSN, o.TsMs, o.Run, o.RunAgain, o.LastSent, o.Since)
		}
		for _, g := range gaps {
			b.Queue(`
				INSERT INTO metadb.source_gap (source, stream, topic, partition, kind, expected, available)
				VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				source, st.Number, g.Topic, g.Partition, g.Kind, g.Expected, g.Available)
		}
		results := tx.SendBatch(ctx, &b)
		for range offsets {
			tag, err := results.Exec()
			if err == nil && tag.RowsAffected() != 1 {
				err = fmt.Errorf("a later run of this source owns the positions")
			}
			if err != nil {
				_ = results.Close()
				return err
			}
		}
		return results.Close()
	})
	if err != nil {
		return fmt.Errorf("place offsets: %w", err)
	}
	return nil
}

// SyncNumber is the number of the synchronization that a source is in, or whose marks
// wait to be adopted; 0: none. New partitions come with it.
func (c *Catalog) SyncNumber(ctx context.Context, source string) (int32, error) {
	var n int32
	err := c.pool.QueryRow(ctx, "SELECT coalesce(max(generation), 0) FROM metadb.source_sync WHERE source = $1", source).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("read synchronization of data source %s: %w", source, err)
	}
	return n, nil
}

// Drained says that all partitions of the stream that came before a synchronization are
// read to where they ended when those came that did with it: no order is left.
func (c *Catalog) Drained(ctx context.Context, source string, st Stream, since int32) error {
	_, err := c.pool.Exec(ctx, "UPDATE metadb.source_offset SET since = $4 WHERE source = $1 AND stream = $2 AND epoch = $3 AND since < $4",
		source, st.Number, st.Epoch, since)
	if err != nil {
		return fmt.Errorf("store that old partitions are read: %w", err)
	}
	return nil
}
