package warehouse

import (
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"metadb/catalog"
	"metadb/change"
)

// addLocks takes the shared locks of all tables of the batch, in the order of
// their ids (rule R16); dead letters confirm rows, too. From here on nothing is waited
// for any longer than a batch has patience: what is in the way is in that of one table.
func (a *Applier) addLocks(t *trip, b *change.Batch) {
	var tables []*table
	known := make(map[*change.Target]bool)
	var last *change.Target
	lock := func(target *change.Target) {
		if target == last || known[target] {
			return
		}
		known[target], last = true, target
		if table := a.tables[tableName{target.Schema, target.Table}]; table != nil {
			tables = append(tables, table)
		}
	}
	for i := range b.Events {
		lock(b.Events[i].Target)
	}
	for i := range b.Dead {
		if ev := &b.Dead[i].Event; ev.Target != nil && ev.Confirms != nil {
			lock(ev.Target)
		}
	}
	slices.SortFunc(tables, func(x, y *table) int { return cmp.Compare(x.id, y.id) })
	t.add(step{what: "set patience", sql: "SET LOCAL lock_timeout = '" + batchPatience + "'"})
	for _, table := range slices.Compact(tables) {
		t.add(step{
			what: "lock table " + table.String(), table: table.tableName, stmt: stmtLock,
			params: [][]byte{int32Bytes(catalog.LockTable), int32Bytes(table.id)},
		})
	}
}

// fetch reads the current rows of all keys, behind what the trip holds already.
func (a *Applier) fetch(ctx context.Context, t *trip, lanes []*lane, arena *change.Arena) error {
	for _, l := range lanes {
		read := func(r *pgconn.ResultReader) error {
			for r.NextRow() {
				l.stored(r.Values(), arena)
			}
			return nil
		}
		if len(l.keys) > 0 && l.keys[0].n > 0 {
			s := step{what: "read rows of " + l.t.String(), table: l.t.tableName, stmt: l.t.stmts.fetch, params: l.params(l.keys), read: read}
			if len(l.look) != len(l.t.lookup()) {
				s.stmt, s.sql, s.oids = "", l.t.fetchAnySQL(l.look, "IS NOT DISTINCT FROM"), l.t.fetchTypes(l.look)
			}
			t.add(s)
		}
		a.addSeen(t, l)
		a.addEarly(t, l)
		a.addMoved(t, l, arena)
		a.addEnded(t, l)
		if l.nullish != nil {
			t.add(step{what: "read rows of " + l.t.String(), table: l.t.tableName, stmt: l.t.stmts.nullable, params: l.params(l.nullish), read: read})
		}
	}
	if len(t.steps) == 0 {
		return nil
	}
	if err := t.send(ctx); err != nil {
		return err
	}
	a.opt.Reached("fetch.inside")
	if err := t.receive(); err != nil {
		return err
	}
	a.opt.Reached("fetch.after")
	if err := a.fetchMarked(ctx, lanes); err != nil {
		return err
	}
	if err := a.fetchLater(ctx, lanes); err != nil {
		return err
	}
	return a.fetchPlaces(ctx, lanes...)
}

func (l *lane) params(arrays []*array) [][]byte {
	params := make([][]byte, 0, len(arrays)+1)
	for _, k := range arrays {
		params = append(params, k.bytes())
	}
	return append(params, []byte(l.origin))
}
