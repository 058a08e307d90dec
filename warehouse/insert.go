package warehouse

import (
	"context"
	"fmt"
	"strings"

	"metadb/change"
)

// insertBelow is the number of versions from which a lane is written by COPY. A
// COPY is a round trip of its own; fewer rows are inserted, those of all tables in
// one trip.
const insertBelow = 100

// writeVersions writes the versions of all lanes, under their ids.
func (a *Applier) writeVersions(ctx context.Context, lanes []*lane, ids [][]int64) error {
	t := &trip{conn: a.conn.PgConn()}
	for i, l := range lanes {
		var err error
		switch n := len(l.versions); {
		case n == 0:
		case n < insertBelow:
			err = a.addInsert(ctx, t, l, ids[i])
		default:
			err = a.copyVersions(ctx, l, ids[i])
		}
		if err != nil {
			return err
		}
	}
	if len(t.steps) == 0 {
		return nil
	}
	if err := t.send(ctx); err != nil {
		return err
	}
	a.opt.Reached("copy.inside")
	return t.receive()
}

// addInsert inserts a lane's versions through the main table.
func (a *Applier) addInsert(ctx context.Context, t *trip, l *lane, ids []int64) error {
	if err := a.prepareInsert(ctx, l.t); err != nil {
		return err
	}
	n := len(l.versions)
	starts, ends := make([]int64, n), make([]int64, n)
	current := newArray(change.Bool.OID(), 5*n)
	columns := make([]*array, len(l.t.columns))
	for c := range columns {
		columns[c] = newArray(l.t.columns[c].Type.OID(), 16*n)
	}
	for i, v := range l.versions {
		starts[i], ends[i] = v.start, v.end
		current.add([]byte{boolByte(v.current)})
		row := v.row
		for c := range columns {
			var value []byte
			value, _, row = row.Next()
			columns[c].add(value)
		}
	}
	params := [][]byte{[]byte(l.origin), int64Array(ids), timeArray(starts), timeArray(ends), current.bytes()}
	for _, c := range columns {
		params = append(params, c.bytes())
	}
	t.add(step{what: "write rows of " + l.t.String(), table: l.t.tableName, stmt: l.t.stmts.insert, params: params})
	return nil
}

// prepareInsert readies the statement of addInsert at its first use: many tables
// never need it.
func (a *Applier) prepareInsert(ctx context.Context, t *table) error {
	if t.stmts.insert != "" {
		return nil
	}
	oids := []uint32{change.Text.OID(), change.Int8.ArrayOID(), change.TimestampTZ.ArrayOID(), change.TimestampTZ.ArrayOID(), change.Bool.ArrayOID()}
	arrays := []string{"$2", "$3", "$4", "$5"}
	names := []string{"i", "s", "e", "c"}
	values := []string{"u.i", "u.s", "u.e", "u.c", "$1"}
	for i, c := range t.columns {
		oids = append(oids, c.Type.ArrayOID())
		arrays = append(arrays, fmt.Sprintf("$%d", i+6))
		names = append(names, fmt.Sprintf("v%d", i))
		values = append(values, fmt.Sprintf("u.v%d", i))
	}
	sql := "INSERT INTO " + t.main() + " (__id, __start, __end, __current, __origin" + t.columnList(", ", "") + ") SELECT " +
		strings.Join(values, ", ") + " FROM unnest(" + strings.Join(arrays, ", ") + ") u(" + strings.Join(names, ", ") + ")"
	name := fmt.Sprintf("insert_%d", t.id)
	if _, err := a.conn.PgConn().Prepare(ctx, name, sql, oids); err != nil {
		return at(t.tableName, fmt.Errorf("prepare %s of %s: %w", name, t, err))
	}
	t.stmts.insert = name
	return nil
}
