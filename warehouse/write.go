package warehouse

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"metadb/change"
)

// write ends stored rows and writes the new versions of all lanes.
func (a *Applier) write(ctx context.Context, lanes []*lane, ledger map[int32]*ledgerEntry, stats *Stats) error {
	ids := make([][]int64, len(lanes))
	t := &trip{conn: a.conn.PgConn()}
	for i, l := range lanes {
		stats.Unchanged += l.unchanged
		stats.Missing += l.missing
		if len(l.closed) > 0 {
			t.add(step{
				what: "close rows of " + l.t.String(), table: l.t.tableName, stmt: l.t.stmts.close,
				params: [][]byte{int64Array(l.closed), timeArray(l.ends)},
				read:   expectRows(int64(len(l.closed)), ErrConflict),
			})
			stats.Closed += len(l.closed)
		}
		if len(l.versions) > 0 {
			t.add(step{
				what: "draw ids of " + l.t.String(), table: l.t.tableName, stmt: l.t.stmts.ids,
				params: [][]byte{int64Bytes(int64(len(l.versions)))}, read: readIDs(&ids[i]),
			})
			stats.Versions += len(l.versions)
		}
	}
	if len(t.steps) > 0 {
		a.opt.Reached("close.before")
		if err := t.send(ctx); err != nil {
			return err
		}
		a.opt.Reached("close.inside")
		if err := t.receive(); err != nil {
			return err
		}
		a.opt.Reached("close.after")
	}
	if err := a.writeVersions(ctx, lanes, ids); err != nil {
		return err
	}
	for i, l := range lanes {
		if err := a.writePositions(ctx, l, ids[i]); err != nil {
			return err
		}
		entryOf(ledger, l.t.id).note(ids[i], l.closed)
		if a.sync.on {
			entryOf(ledger, l.t.id).tally(l, ids[i])
		}
	}
	a.opt.Reached("copy.after")
	return nil
}

// copyHeader begins a COPY BINARY stream; -1 as the field count ends it.
var copyHeader = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")

// copyVersions writes a lane's versions through the main table, which routes
// current and ended ones to their partitions.
func (a *Applier) copyVersions(ctx context.Context, l *lane, ids []int64) error {
	b := append(a.copyBuf[:0], copyHeader...)
	count := uint16(len(systemColumns) + len(l.t.columns))
	for i, v := range l.versions {
		b = binary.BigEndian.AppendUint16(b, count)
		b = appendInt64Field(b, ids[i])
		b = appendInt64Field(b, v.start)
		b = appendInt64Field(b, v.end)
		b = append(b, 0, 0, 0, 1, boolByte(v.current))
		b = change.AppendField(b, []byte(l.origin))
		b = append(b, v.row...)
	}
	b = append(b, 0xff, 0xff)
	a.copyBuf = b
	a.opt.Reached("copy.before")
	half := io.MultiReader(bytes.NewReader(b[:len(b)/2]), &reaching{a.opt.Reached, "copy.inside"}, bytes.NewReader(b[len(b)/2:]))
	if _, err := a.conn.PgConn().CopyFrom(ctx, half, l.t.stmts.copySQL); err != nil {
		return at(l.t.tableName, fmt.Errorf("write rows of %s: %w", l.t, err))
	}
	return nil
}

// reaching is an empty stream that reports when it is read.
type reaching struct {
	reached func(string)
	point   string
}

func (r *reaching) Read([]byte) (int, error) {
	r.reached(r.point)
	return 0, io.EOF
}

func appendInt64Field(b []byte, v int64) []byte {
	b = append(b, 0, 0, 0, 8)
	return binary.BigEndian.AppendUint64(b, uint64(v))
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// ledgerEntry is the transaction's row for one table: what a reverse sync must
// look at to find the keys that changed.
type ledgerEntry struct {
	min, max int64 // ids written; 0: none
	closed   []int64
	bulk     bool // rows were ended without naming them

	confirmed tally // only while the source synchronizes
}

func entryOf(ledger map[int32]*ledgerEntry, table int32) *ledgerEntry {
	e := ledger[table]
	if e == nil {
		e = &ledgerEntry{}
		ledger[table] = e
	}
	return e
}

func (e *ledgerEntry) note(ids, closed []int64) {
	e.closed = append(e.closed, closed...)
	if len(ids) == 0 {
		return
	}
	if low := slices.Min(ids); e.min == 0 || low < e.min {
		e.min = low
	}
	e.max = max(e.max, slices.Max(ids))
}

// addLedger writes an entry for each table that the batch changed.
func addLedger(t *trip, ledger map[int32]*ledgerEntry) {
	tables := make([]int32, 0, len(ledger))
	for id := range ledger {
		tables = append(tables, id)
	}
	slices.Sort(tables)
	for _, id := range tables {
		e := ledger[id]
		if e.min == 0 && len(e.closed) == 0 && !e.bulk {
			continue
		}
		params := [][]byte{int32Bytes(id), nil, nil, nil, {boolByte(e.bulk)}}
		if e.min != 0 {
			params[1], params[2] = int64Bytes(e.min), int64Bytes(e.max)
		}
		if len(e.closed) > 0 {
			params[3] = int64Array(e.closed)
		}
		t.add(step{what: "write ledger", stmt: stmtLedger, params: params})
	}
}
