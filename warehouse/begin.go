package warehouse

import (
	"context"
	"encoding/binary"

	"github.com/jackc/pgx/v5/pgconn"

	"metadb/change"
)

// begin is where a version begins in the source's order, as far as it is known.
type begin struct {
	start  int64 // µs since 2000
	lsn    uint64
	placed bool // the lsn is known
}

func (r *storedRow) begin() begin { return begin{r.start, r.lsn, r.placed} }

func (v *version) begin() begin {
	return begin{v.start, v.from.ev.Pos.LSN, v.from.ev.Pos.HasLSN}
}

// before says whether the version begins before an event at the given time.
func (b begin) before(ev *change.Event, at int64) bool {
	return b.start < at || b.start == at && b.placed && ev.Pos.HasLSN && b.lsn < ev.Pos.LSN
}

// notAfter says whether it does not begin after such an event.
func (b begin) notAfter(ev *change.Event, at int64) bool {
	return b.start < at || b.start == at && (!b.placed || b.lsn <= ev.Pos.LSN)
}

// follows says whether it begins behind an event of the very same time.
func (b begin) follows(ev *change.Event, at int64) bool {
	return b.start == at && b.placed && ev.Pos.HasLSN && b.lsn > ev.Pos.LSN
}

// recreates says whether the event writes a row anew that a version of it shows to
// be there already. A source inserts only what is not there: so a truncate lies
// between, which has not been read yet, since it came on another partition. It
// will end the version before, and must find another one after it.
func (e *laneEvent) recreates(b begin, at int64) bool {
	return e.shared && e.ev.Op == change.Create && b.before(e.ev, at)
}

// addPlaces asks for the lsn of stored rows that began at the very time of an insert,
// or of an event that may come late: which came first decides.
func (a *Applier) addPlaces(t *trip, l *lane) {
	if len(l.t.key) == 0 {
		return
	}
	rows := make(map[int64][]*storedRow)
	var ids []int64
	for i := range l.events {
		e := &l.events[i]
		if !e.loose && (!e.shared || e.ev.Op != change.Create) {
			continue
		}
		for _, st := range []*keyState{e.state, e.old} {
			if st == nil {
				continue
			}
			for k := range st.rows {
				if r := &st.rows[k]; r.start == micros(e.ev.TsMs) {
					ids, rows[r.id] = append(ids, r.id), append(rows[r.id], r)
				}
			}
		}
	}
	if len(ids) == 0 {
		return
	}
	t.add(step{
		what: "read positions of " + l.t.String(), table: l.t.tableName, sql: "SELECT id, lsn FROM metadb.row_position WHERE table_id = $1 AND id = ANY ($2)",
		oids: []uint32{change.Int4.OID(), change.Int8.ArrayOID()}, params: [][]byte{int32Bytes(l.t.id), int64Array(ids)},
		read: func(r *pgconn.ResultReader) error {
			for r.NextRow() {
				values := r.Values()
				for _, row := range rows[int64(binary.BigEndian.Uint64(values[0]))] {
					row.lsn, row.placed = binary.BigEndian.Uint64(values[1]), true
				}
			}
			return nil
		},
	})
}

// fetchPlaces does so for all lanes; mostly there is nothing to ask.
func (a *Applier) fetchPlaces(ctx context.Context, lanes ...*lane) error {
	t := &trip{conn: a.conn.PgConn()}
	for _, l := range lanes {
		a.addPlaces(t, l)
	}
	if len(t.steps) == 0 {
		return nil
	}
	return t.run(ctx)
}
