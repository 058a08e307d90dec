package warehouse

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"metadb/change"
)

// truncation is a truncate's place in the source. Where a topic has several
// partitions, it arrives before or after rows that it does or does not end; the
// order of the source decides (rule R10).
type truncation struct {
	ts  int64 // commit time, ms
	lsn uint64
}

func truncationOf(ev *change.Event) truncation { return truncation{ts: ev.TsMs, lsn: ev.Pos.LSN} }

// order compares two truncates by their place in the source.
func (t truncation) order(o truncation) int {
	return cmp.Or(cmp.Compare(t.ts, o.ts), cmp.Compare(t.lsn, o.lsn))
}

// covers says whether the truncate ended what the event began. A row with its lsn
// is of a snapshot, which lies before it.
func (t truncation) covers(ev *change.Event) bool {
	return ev.TsMs < t.ts || ev.TsMs == t.ts && ev.Pos.HasLSN && ev.Pos.LSN <= t.lsn
}

// truncations are the known truncates of a target, oldest first.
type truncations []truncation

// covering is the first truncate behind an event.
func (list truncations) covering(ev *change.Event) (truncation, bool) {
	for _, t := range list {
		if t.covers(ev) {
			return t, true
		}
	}
	return truncation{}, false
}

func (list truncations) has(t truncation) bool {
	_, found := slices.BinarySearchFunc(list, t, truncation.order)
	return found
}

// with adds a truncate; those that no event can come before any more are left out.
func (list truncations) with(t truncation) truncations {
	i, _ := slices.BinarySearchFunc(list, t, truncation.order)
	out := slices.Insert(slices.Clone(list), i, t)
	oldest := out[len(out)-1].ts - keepPositions
	return slices.DeleteFunc(out, func(o truncation) bool { return o.ts < oldest })
}

// loadTruncations reads what is known of truncates.
func loadTruncations(ctx context.Context, tx pgx.Tx) (map[change.Target]truncations, error) {
	rows, err := tx.Query(ctx, "SELECT schema_name, table_name, origin, ts_ms, lsn FROM metadb.truncation ORDER BY ts_ms, lsn")
	if err != nil {
		return nil, fmt.Errorf("load truncates: %w", err)
	}
	known := make(map[change.Target]truncations)
	var to change.Target
	var ts, lsn int64
	_, err = pgx.ForEachRow(rows, []any{&to.Schema, &to.Table, &to.Origin, &ts, &lsn}, func() error {
		known[to] = append(known[to], truncation{ts: ts, lsn: uint64(lsn)})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load truncates: %w", err)
	}
	return known, nil
}

// truncate ends the current rows of the event's table and origin. Where the topic
// has several partitions it is remembered, even if there is no table yet.
func (a *Applier) truncate(ctx context.Context, b *change.Batch, ev *change.Event, ledger map[int32]*ledgerEntry, stats *Stats) error {
	t := a.tables[tableName{ev.Target.Schema, ev.Target.Table}]
	shared := b.Parts[ev.Part].Shared || afar(ev)
	if t == nil && !shared {
		return nil
	}
	var n int64
	trip := &trip{conn: a.conn.PgConn()}
	if shared {
		a.addTruncation(trip, ev)
	}
	if t != nil {
		if err := a.prepare(ctx, t); err != nil {
			return err
		}
		if shared {
			a.addSharedTruncate(trip, t, b, ev, &n)
		} else {
			trip.add(step{
				what: "truncate " + t.String(), table: t.tableName, stmt: t.stmts.truncate,
				params: [][]byte{int64Bytes(micros(ev.TsMs)), []byte(ev.Target.Origin)}, read: affected(&n),
			})
		}
	}
	a.opt.Reached("truncate.before")
	if err := trip.run(ctx); err != nil {
		return err
	}
	a.opt.Reached("truncate.after")
	if t != nil {
		stats.Closed += int(n)
		entryOf(ledger, t.id).ended(n)
	}
	return nil
}

// addTruncation remembers a truncate, and forgets those that no event can come
// before any more.
func (a *Applier) addTruncation(trip *trip, ev *change.Event) {
	here, to := truncationOf(ev), ev.Target
	known := a.truncated[*to].with(here)
	a.truncated[*to] = known
	oids := []uint32{change.Text.OID(), change.Text.OID(), change.Text.OID(), change.Int8.OID(), change.Int8.OID()}
	names := [][]byte{[]byte(to.Schema), []byte(to.Table), []byte(to.Origin)}
	trip.add(step{
		what: "remember truncate of " + to.Schema + "." + to.Table, oids: oids, params: append(names, int64Bytes(here.ts), int64Bytes(int64(here.lsn))),
		sql: "INSERT INTO metadb.truncation (schema_name, table_name, origin, ts_ms, lsn) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
	})
	trip.add(step{
		what: "forget truncates of " + to.Schema + "." + to.Table, oids: oids[:4], params: append(names, int64Bytes(known[0].ts)),
		sql: "DELETE FROM metadb.truncation WHERE schema_name = $1 AND table_name = $2 AND origin = $3 AND ts_ms < $4",
	})
}

// addSharedTruncate ends the current rows that lie before the truncate, and lets
// versions that a later truncate has ended, or a later event, end with this one.
func (a *Applier) addSharedTruncate(trip *trip, t *table, b *change.Batch, ev *change.Event, n *int64) {
	const before = `(__start < $1 OR __start = $1 AND NOT EXISTS (
		SELECT FROM metadb.row_position p WHERE p.table_id = $3 AND p.id = h.__id AND p.lsn > $4))`
	here := truncationOf(ev)
	params := [][]byte{int64Bytes(micros(ev.TsMs)), []byte(ev.Target.Origin), int32Bytes(t.id), int64Bytes(int64(here.lsn))}
	oids := []uint32{change.TimestampTZ.OID(), change.Text.OID(), change.Int4.OID(), change.Int8.OID()}
	trip.add(step{
		what: "truncate " + t.String(), table: t.tableName, params: params, oids: oids, read: affected(n),
		sql: "UPDATE " + t.main() + " h SET __end = $1, __current = false WHERE __current AND __origin = $2 AND " + before,
	})
	// This reads the whole history; hence the look at how far the partitions are.
	newer, others := passed(b, ev)
	trip.add(step{
		what: "truncate history of " + t.String(), table: t.tableName,
		sql: "UPDATE " + t.main() + " h SET __end = $1 WHERE NOT __current AND __end > $1 AND __origin = $2 AND " + before + `
			AND ($5 OR EXISTS (SELECT FROM metadb.source_offset o WHERE o.source = $6 AND o.stream = $7 AND o.topic = $8
			AND o.partition <> ALL ($9) AND o.ts_ms > $10))`,
		oids: append(oids, change.Bool.OID(), change.Text.OID(), change.Int4.OID(), change.Text.OID(), change.Int4.ArrayOID(), change.Int8.OID()),
		params: append(params, []byte{boolByte(newer)}, []byte(a.source), int32Bytes(a.opt.Stream.Number),
			[]byte(b.Parts[ev.Part].Topic), int32Array(others), int64Bytes(ev.TsMs)),
	})
}

// passed says whether an event later than the truncate was read before it: on one
// of the batch's partitions of the topic, which are returned.
func passed(b *change.Batch, truncate *change.Event) (newer bool, partitions []int32) {
	topic := b.Parts[truncate.Part].Topic
	for _, p := range b.Parts {
		if p.Topic == topic {
			partitions = append(partitions, p.Partition)
			newer = newer || p.Before.TsMs > truncate.TsMs
		}
	}
	for i := range b.Events {
		if ev := &b.Events[i]; ev == truncate {
			break
		} else if b.Parts[ev.Part].Topic == topic {
			newer = newer || ev.TsMs > truncate.TsMs
		}
	}
	return newer, partitions
}
