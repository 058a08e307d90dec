package warehouse

import (
	"encoding/binary"
	"fmt"

	"metadb/change"
)

// lane is the events of one table and origin within a round, and the state of
// their keys: what was current before them, and what they make of it.
type lane struct {
	t       *table
	origin  string
	events  []laneEvent
	behind  map[*change.Event]bool
	letters *overtaking          // nil: there are no dead letters
	missed  []*change.Event      // keyless events that found no row to end
	seen    map[int64]*sightings // keyless events of shared topics, by their identity
	newest  int64                // commit time of the newest, ms

	states  map[string]*keyState
	afar    bool     // snapshot rows and streamed events come by different topics
	look    []int    // columns by which rows are found
	keys    []*array // parameters of the fetch: one array per look-up column
	nullish []*array // the same for keys that hold a NULL
	scratch []byte
	fields  [][]byte   // of the row at hand
	pool    []keyState // states not given out yet

	versions     []version
	closed       []int64                                 // ids of stored rows that end
	ends         []int64                                 // when, µs since 2000
	closedStarts []int64                                 // when they began
	moved        []int32                                 // versions that begin later than their event
	stale        []*laneEvent                            // events of keys that have changed since
	early        []earlyEnd                              // ends that came before what they end
	confirmed    []confirmedRow                          // stored rows that events confirm
	marked       marked                                  // keyless tables: rows that are confirmed
	marking      bool                                    // the source is resynchronized, and its events leave marks
	later        map[*change.Confirmation]map[int64]bool // stored rows that were changed or found behind a snapshot
	endsynced    int64                                   // the latest end that an endsync has written in the table; else never
	unchanged    int
	rekeyed      bool // a change of key takes values from the row before
	missing      int  // unavailable values that nothing could replace
}

// laneEvent is an event with its row as a row of the table, and its key.
type laneEvent struct {
	ev     *change.Event
	row    change.Tuple // Create, Read, Update
	before change.Tuple // keyless tables: the row that ends
	state  *keyState    // of the key; keyless tables: of the row that ends
	next   *keyState    // keyless tables: of the row that begins

	shared bool // the topic has other partitions
	behind bool // an event of a later time came before it
	loose  bool // it may come before or behind events of its key that it follows
	tied   bool // it is loose, and what follows it began at its very time

	moves *keyState // of the key that the row had before, if that ends with the event

	old     *keyState    // of the key that the row had before, when values must come from there
	history change.Tuple // the row that ended under that key, if not in this batch
}

// keyState is what is current for one key: rows of the table, and versions of
// this batch. More than one of either is found only in tables without a key and
// in warehouses taken over from 1.4.
type keyState struct {
	fetched  bool        // its rows are asked for
	ended    int64       // when its last version ended, if known; else never
	ends     truncations // of what has not come yet
	gone     []goneRow   // rows that this batch ended, if a change of key needs them
	rows     []storedRow
	versions []int32

	// Room for the usual single one of each.
	row     [1]storedRow
	version [1]int32
}

type storedRow struct {
	id    int64
	start int64 // µs since 2000
	row   change.Tuple

	lsn    uint64 // of the event that began it; asked for only where start does not decide
	placed bool   // it is known
}

// version is a row that the batch writes.
type version struct {
	start, end  int64 // µs since 2000
	current     bool
	row         change.Tuple
	from        *laneEvent    // the event that began it
	confirmedBy *change.Event // nil: nothing has
}

func newLane(t *table, origin string) *lane {
	l := &lane{t: t, origin: origin, endsynced: never, states: make(map[string]*keyState)}
	l.look = t.lookup()
	l.keys = l.arrays()
	return l
}

func (l *lane) arrays() []*array {
	var arrays []*array
	for _, i := range l.look {
		arrays = append(arrays, newArray(l.t.columns[i].Type.OID(), 256))
	}
	return arrays
}

// add takes an event into the lane: its row in the table's columns, and the
// state of its key, which is to be fetched when it is new.
func (l *lane) add(ev *change.Event, p *plan, shared bool, arena *change.Arena) error {
	e := laneEvent{ev: ev, shared: shared, behind: l.behind[ev]}
	e.loose = len(l.t.key) > 0 && (l.afar && ev.Op == change.Read || ev.KeyLost && !e.behind)
	if ev.Op != change.Delete && ev.Op != change.Truncate {
		row, err := l.encode(p, ev.Row, arena)
		if err != nil {
			return err
		}
		e.row = row
	}
	switch {
	case len(l.t.key) == 0:
		if err := l.addKeyless(&e, p, arena); err != nil {
			return err
		}
	case ev.Op == change.Delete:
		shape, key := ev.KeyShape, ev.Key
		if shape == nil {
			shape, key = ev.Shape, ev.Before
		}
		if key == nil {
			return nil
		}
		fields, err := l.deleteKey(shape, key, arena)
		if err != nil {
			return err
		}
		e.state = l.stateOf(fields, true)
	default:
		e.state = l.stateOf(l.keyOf(e.row), true)
		if err := l.addMoves(&e, arena); err != nil {
			return err
		}
		if ev.OldKey != nil && hasUnavailable(e.row) {
			old, err := l.deleteKey(ev.KeyShape, ev.OldKey, arena)
			if err != nil {
				return err
			}
			e.old, l.rekeyed = l.stateOf(old, true), true
		}
	}
	l.events = append(l.events, e)
	return nil
}

func (l *lane) encode(p *plan, row change.Tuple, arena *change.Arena) (change.Tuple, error) {
	if p.straight && p.nulls == 0 {
		return row, nil
	}
	b, err := p.appendRow(arena.Start(len(row)+4*len(l.t.columns)), row)
	if err != nil {
		return nil, fmt.Errorf("row for table %s: %w", l.t, err)
	}
	return arena.Commit(b), nil
}

// stateOf returns the state of a key; a new one is noted for the fetch if wanted.
func (l *lane) stateOf(fields [][]byte, fetch bool) *keyState {
	null := false
	l.scratch = l.scratch[:0]
	for k, i := range l.look {
		if fields[k] == nil {
			null = true
			l.scratch = change.AppendNull(l.scratch)
			continue
		}
		at := len(l.scratch)
		l.scratch = appendKeyValue(append(l.scratch, 0, 0, 0, 0), l.t.columns[i].Type, fields[k])
		binary.BigEndian.PutUint32(l.scratch[at:], uint32(len(l.scratch)-at-4))
	}
	st, ok := l.states[string(l.scratch)]
	if !ok {
		st = l.newState()
		l.states[string(l.scratch)] = st
	}
	if st.fetched || !fetch {
		return st
	}
	st.fetched = true
	arrays := l.keys
	if null && len(l.t.key) > 0 {
		if l.nullish == nil {
			l.nullish = l.arrays()
		}
		arrays = l.nullish
	}
	for k := range arrays {
		arrays[k].add(fields[k])
	}
	return st
}

// statePool is how many states are allocated together.
const statePool = 128

func (l *lane) newState() *keyState {
	if len(l.pool) == 0 {
		l.pool = make([]keyState, statePool)
	}
	st := &l.pool[0]
	l.pool = l.pool[1:]
	st.rows, st.versions, st.ended = st.row[:0], st.version[:0], never
	return st
}

// stored takes a fetched row: its id and start, then the table's columns.
func (l *lane) stored(values [][]byte, arena *change.Arena) {
	row := storedTuple(values, arena)
	fields := l.allOf
	if len(l.t.key) > 0 {
		fields = l.keyOf
	}
	st := l.stateOf(fields(row), false)
	st.rows = append(st.rows, storedRow{
		id: int64(binary.BigEndian.Uint64(values[0])), start: int64(binary.BigEndian.Uint64(values[1])), row: row,
	})
}

// storedTuple copies the row behind id and start of a fetched row.
func storedTuple(values [][]byte, arena *change.Arena) change.Tuple {
	size := 0
	for _, v := range values[2:] {
		size += 4 + len(v)
	}
	b := arena.Start(size)
	for _, v := range values[2:] {
		if v == nil {
			b = change.AppendNull(b)
		} else {
			b = change.AppendField(b, v)
		}
	}
	return arena.Commit(b)
}
