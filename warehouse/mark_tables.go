package warehouse

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"metadb/catalog"
	"metadb/change"
)

// marksOf is a table's partition of metadb.sync_mark.
func marksOf(table int32) string { return quote("metadb", fmt.Sprintf("sync_mark_%d", table)) }

// prepareMarks makes the partitions of metadb.sync_mark that the batch needs, each in a
// short transaction of its own: for tables without a key, and for those with rows that
// streamed events confirm.
func (a *Applier) prepareMarks(ctx context.Context, b *change.Batch) error {
	s := &a.sync
	if s.where != catalog.MarksBulk {
		return nil
	}
	var last *change.Target
	streamed := false
	for i := range b.Events {
		ev := &b.Events[i]
		if ev.Confirms == nil || ev.Target == last && (streamed || ev.Op == change.Read) {
			continue
		}
		last, streamed = ev.Target, ev.Op != change.Read
		if err := a.prepareMark(ctx, last, streamed); err != nil {
			return err
		}
	}
	for i := range b.Dead {
		if ev := &b.Dead[i].Event; ev.Confirms != nil && ev.Target != nil {
			if err := a.prepareMark(ctx, ev.Target, ev.Op != change.Read); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *Applier) prepareMark(ctx context.Context, to *change.Target, streamed bool) error {
	t := a.tables[tableName{to.Schema, to.Table}]
	if t == nil || len(t.key) > 0 && !streamed {
		return nil
	}
	if _, ok := a.sync.prepared[t.id]; ok {
		return nil
	}
	a.opt.Reached("marks.before")
	name := marksOf(t.id)
	err := pgx.BeginFunc(ctx, a.conn, func(tx pgx.Tx) error {
		// Another source may feed the same table, with another origin.
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, 0)", catalog.LockTable); err != nil {
			return err
		}
		var there bool
		if err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", name).Scan(&there); err != nil || there {
			return err
		}
		statements := []string{
			"CREATE TABLE " + name + " (LIKE metadb.sync_mark)",
			fmt.Sprintf("ALTER TABLE metadb.sync_mark ATTACH PARTITION %s FOR VALUES IN (%d)", name, t.id),
			"CREATE INDEX ON " + name + " (id)", // see fetchMarked, fetchLater
		}
		for _, sql := range statements {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("prepare marks of table %s: %w", t, err)
	}
	a.opt.Reached("marks.after")
	a.sync.prepared[t.id] = len(t.key) == 0
	return nil
}
