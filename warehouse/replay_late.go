package warehouse

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"metadb/change"
)

// replayLate applies an event whose key has versions that last beyond it, other
// than a current one that it follows, or that a truncate has ended, or another
// event at time next, which else is forever. late is false when it is none of
// these.
func (a *Applier) replayLate(ctx context.Context, l *lane, next int64, arena *change.Arena, ledger map[int32]*ledgerEntry, stats *Stats) (late bool, err error) {
	e := &l.events[0]
	at := micros(e.ev.TsMs)
	beyond, err := a.fetchBeyond(ctx, l, e, at, arena)
	if err != nil {
		return false, err
	}
	var around *storedVersion // the version that the event falls into
	if len(beyond) > 0 && beyond[0].start <= at {
		around = &beyond[0]
		if beyond[0].start == at && next == at {
			around = nil // it began by the event after this one
		}
	}
	truncate, truncated := a.truncated[*e.ev.Target].covering(e.ev)
	if !truncated && next == forever && (len(beyond) == 0 || around != nil && around.current) {
		return false, nil
	}
	end := next
	if truncated {
		end = min(end, micros(truncate.ts))
	}
	switch {
	case around != nil && around.current:
		// What came next has found it as it is, and so it stays.
		stats.Unchanged++
		return true, nil
	case around != nil && e.row != nil && equalRows(l.t.columns, e.row, around.row), around == nil && e.row == nil:
		stats.Unchanged++
		return true, nil
	case around != nil:
		// A version that has ended: the event takes its second half.
		if err := a.moveEnds(ctx, l, []int64{around.id}, at); err != nil {
			return true, err
		}
		entryOf(ledger, l.t.id).closed = append(entryOf(ledger, l.t.id).closed, around.id)
		end = min(end, around.end)
	case len(beyond) > 0:
		end = min(end, beyond[0].start)
	}
	if e.row == nil {
		return true, a.write(ctx, []*lane{l}, ledger, stats)
	}
	var before change.Tuple
	if around != nil {
		before = around.row
	}
	l.versions = append(l.versions, version{start: at, end: max(at, end), row: l.complete(e.row, before), from: e})
	return true, a.write(ctx, []*lane{l}, ledger, stats)
}

// storedVersion is a version of a key as the main table has it.
type storedVersion struct {
	version
	id int64
}

// fetchBeyond reads the versions of the event's key that end after it, in order.
func (a *Applier) fetchBeyond(ctx context.Context, l *lane, e *laneEvent, at int64, arena *change.Arena) ([]storedVersion, error) {
	key, err := l.eventKey(e, arena)
	if err != nil {
		return nil, err
	}
	var where []string
	var oids []uint32
	var params [][]byte
	for k, i := range l.t.key {
		c := l.t.columns[i]
		if key[k] == nil {
			where = append(where, "h."+quote(c.Name)+" IS NULL")
			continue
		}
		oids, params = append(oids, c.Type.OID()), append(params, key[k])
		where = append(where, fmt.Sprintf("h.%s = $%d", quote(c.Name), len(params)))
	}
	oids, params = append(oids, change.Text.OID(), change.TimestampTZ.OID()), append(params, []byte(l.origin), int64Bytes(at))
	var found []storedVersion
	t := &trip{conn: a.conn.PgConn()}
	t.add(step{
		what: "read versions of " + l.t.String(), table: l.t.tableName,
		sql: "SELECT h.__id, h.__start, h.__end, h.__current" + l.t.columnList(", ", "h.") + " FROM " + l.t.main() + " h WHERE " +
			strings.Join(where, " AND ") + fmt.Sprintf(" AND h.__origin = $%d AND h.__end > $%d ORDER BY h.__start, h.__id", len(params)-1, len(params)),
		oids: oids, params: params,
		read: func(r *pgconn.ResultReader) error {
			for r.NextRow() {
				found = append(found, readVersion(r.Values()))
			}
			return nil
		},
	})
	return found, t.run(ctx)
}

// readVersion takes a row of fetchBeyond.
func readVersion(values [][]byte) storedVersion {
	number := func(i int) int64 { return int64(binary.BigEndian.Uint64(values[i])) }
	v := storedVersion{id: number(0), version: version{start: number(1), end: number(2), current: values[3][0] != 0}}
	for _, field := range values[4:] {
		if field == nil {
			v.row = change.AppendNull(v.row)
		} else {
			v.row = change.AppendField(v.row, field)
		}
	}
	return v
}
