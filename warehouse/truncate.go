package warehouse

import (
	"cmp"
	"context"
	"slices"

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

// covers says whether the truncate ended what the event began.
func (t truncation) covers(ev *change.Event) bool {
	return ev.TsMs < t.ts || ev.TsMs == t.ts && ev.Pos.HasLSN && ev.Pos.LSN < t.lsn
}

// truncations are the known truncates of a table, oldest first.
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

// truncate ends the current rows of the event's table and origin.
func (a *Applier) truncate(ctx context.Context, b *change.Batch, ev *change.Event, ledger map[int32]*ledgerEntry, stats *Stats) error {
	t := a.tables[tableName{ev.Target.Schema, ev.Target.Table}]
	if t == nil {
		return nil
	}
	if err := a.prepare(ctx, t); err != nil {
		return err
	}
	var n int64
	trip := &trip{conn: a.conn.PgConn()}
	if b.Parts[ev.Part].Shared {
		a.addSharedTruncate(trip, t, ev, &n)
	} else {
		trip.add(step{
			what: "truncate " + t.String(), table: t.tableName, stmt: t.stmts.truncate,
			params: [][]byte{int64Bytes(micros(ev.TsMs)), []byte(ev.Target.Origin)}, read: affected(&n),
		})
	}
	a.opt.Reached("truncate.before")
	if err := trip.run(ctx); err != nil {
		return err
	}
	a.opt.Reached("truncate.after")
	stats.Closed += int(n)
	entryOf(ledger, t.id).bulk = true
	return nil
}

// addSharedTruncate ends the current rows that lie before the truncate, and lets
// versions that a later truncate has ended, or a later event, end with this one.
func (a *Applier) addSharedTruncate(trip *trip, t *table, ev *change.Event, n *int64) {
	const before = `(__start < $1 OR __start = $1 AND NOT EXISTS (
		SELECT FROM metadb.row_position p WHERE p.table_id = $3 AND p.id = h.__id AND p.lsn > $4))`
	here := truncationOf(ev)
	params := [][]byte{int64Bytes(micros(ev.TsMs)), []byte(ev.Target.Origin), int32Bytes(t.id), int64Bytes(int64(here.lsn))}
	oids := []uint32{change.TimestampTZ.OID(), change.Text.OID(), change.Int4.OID(), change.Int8.OID()}
	trip.add(step{
		what: "truncate " + t.String(), table: t.tableName, params: params, oids: oids, read: affected(n),
		sql: "UPDATE " + t.main() + " h SET __end = $1, __current = false WHERE __current AND __origin = $2 AND " + before,
	})
	last := len(t.truncated) == 0 || t.truncated[len(t.truncated)-1].order(here) < 0
	if !last {
		trip.add(step{
			what: "truncate " + t.String(), table: t.tableName, params: params, oids: oids,
			sql: "UPDATE " + t.main() + " h SET __end = $1 WHERE NOT __current AND __end > $1 AND __origin = $2 AND " + before,
		})
	}
	t.truncated = t.truncated.with(here)
	times, lsns := make([]int64, len(t.truncated)), make([]int64, len(t.truncated))
	for i, known := range t.truncated {
		times[i], lsns[i] = known.ts, int64(known.lsn)
	}
	trip.add(step{
		what: "remember truncate of " + t.String(), table: t.tableName, sql: "UPDATE metadb.data_table SET truncated_ts = $2, truncated_lsn = $3 WHERE id = $1",
		oids:   []uint32{change.Int4.OID(), change.Int8.ArrayOID(), change.Int8.ArrayOID()},
		params: [][]byte{int32Bytes(t.id), int64Array(times), int64Array(lsns)},
	})
}
