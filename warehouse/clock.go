package warehouse

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"metadb/change"
)

// never is before every time: no version of a key is known to have ended.
const never = math.MinInt64

// behind are the batch's events that were committed, by the source's clock, before
// an event that their partition has brought already: the clock was put back, or
// another machine has taken over. The order of arrival counts for them; only
// their versions must not begin before the one before ended. Snapshot rows are
// not among them: they are of another time by their nature. Also among them is
// whatever comes from before the end that an endsync has written in its table: the
// endsync may have closed its key (rule R20).
func (a *Applier) behind(b *change.Batch) map[*change.Event]bool {
	newest := make([]int64, len(b.Parts))
	for i := range b.Parts {
		if newest[i] = never; b.Parts[i].Before.Set {
			newest[i] = b.Parts[i].Before.TsMs
		}
	}
	var found map[*change.Event]bool
	for i := range b.Events {
		ev := &b.Events[i]
		switch {
		case a.endsynced(ev):
			if found == nil {
				found = make(map[*change.Event]bool)
			}
			found[ev] = true
		case ev.Op == change.Read:
		case ev.TsMs >= newest[ev.Part]:
			newest[ev.Part] = ev.TsMs
		default:
			if found == nil {
				found = make(map[*change.Event]bool)
			}
			found[ev] = true
		}
	}
	return found
}

// notBefore moves a time to the beginning of what is current for a key, or to the
// end of what was last: versions of a key do not overlap, and none ends before it
// begins.
func (l *lane) notBefore(st *keyState, at int64) int64 {
	at = max(at, st.ended)
	for _, r := range st.rows {
		at = max(at, r.start)
	}
	for _, v := range st.versions {
		at = max(at, l.versions[v].start)
	}
	return at
}

// addEnded asks when the last versions of keys ended whose events lie behind: a key
// that is not current has nothing else to tell where its next version may begin.
func (a *Applier) addEnded(t *trip, l *lane) {
	var states []*keyState
	var arrays []*array
	operator := "="
	for i := range l.events {
		e := &l.events[i]
		if !e.behind && !e.loose || len(l.t.key) == 0 || e.row == nil {
			continue
		}
		if arrays == nil {
			arrays = l.arrays()
		}
		states = append(states, e.state)
		for k, field := range l.keyOf(e.row) {
			arrays[k].add(field)
			if field == nil {
				operator = "IS NOT DISTINCT FROM"
			}
		}
	}
	if len(states) == 0 {
		return
	}
	var from, names, where []string
	for n, i := range l.t.key {
		c := l.t.columns[i]
		from = append(from, fmt.Sprintf("$%d::%s[]", n+1, c.Type))
		names = append(names, fmt.Sprintf("k%d", n))
		where = append(where, fmt.Sprintf("h.%s %s k.k%d", quote(c.Name), operator, n))
	}
	t.add(step{
		what: "read ends of " + l.t.String(), table: l.t.tableName, oids: l.t.fetchTypes(l.look), params: l.params(arrays),
		sql: "SELECT k.n, e.e FROM unnest(" + strings.Join(from, ", ") + ") WITH ORDINALITY k(" + strings.Join(names, ", ") + ", n)" +
			" CROSS JOIN LATERAL (SELECT max(h.__end) AS e FROM " + l.t.main() + " h WHERE NOT h.__current AND " +
			strings.Join(where, " AND ") + fmt.Sprintf(" AND h.__origin = $%d) e WHERE e.e IS NOT NULL", len(from)+1),
		read: func(r *pgconn.ResultReader) error {
			for r.NextRow() {
				st := states[binary.BigEndian.Uint64(r.Values()[0])-1]
				st.ended = max(st.ended, int64(binary.BigEndian.Uint64(r.Values()[1])))
			}
			return nil
		},
	})
}

// yearError says that a version begins in a year for which its table has no
// partition: another year than its event's, as it waits for the one before to end.
type yearError struct {
	table tableName
	year  int
}

func (e *yearError) Error() string {
	return fmt.Sprintf("table %s has no history partition for %d", e.table, e.year)
}

// checkYears fails with a yearError when a lane's version that was moved to a later
// beginning has no partition to go to when it ends.
func (l *lane) checkYears() error {
	for _, v := range l.moved {
		if year := yearOf((l.versions[v].start + epochMicros) / 1000); !l.t.years[year] {
			return &yearError{l.t.tableName, year}
		}
	}
	return nil
}

// addYearFor makes the missing partition, in a transaction of its own; the batch's
// was rolled back for it.
func (a *Applier) addYearFor(ctx context.Context, missing *yearError) error {
	if err := a.rollback(ctx); err != nil {
		return err
	}
	_, err := a.evolve(ctx, missing.table, delta{year: missing.year})
	return err
}
