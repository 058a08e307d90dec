package streamer

import (
	"math"
	"slices"

	"metadb/catalog"
)

// syncModel is what the warehouse must hold: every record that was read applied by
// itself, and what endsyncs have closed. Which rows are confirmed it finds by looking
// through all records that count; it keeps no marks.
type syncModel struct {
	model
	tables []*modelTable
	mode   int16
	asked  []string          // by statements, since the generation was brought to it
	gen    *syncModelGen     // nil: nothing is confirmed
	stream string            // prefix of the topics that are read
	last   map[partition]int // number of the last streamed event of each partition
	read   map[partition]int64
	gap    bool // an endsync closed rows too early
}

// syncModelGen is a generation, or a stream for which no SYNC has come yet.
type syncModelGen struct {
	mode     int16
	adopted  bool
	from     map[partition]int64 // confirms from there; missing: from the beginning
	seen     []*syncEvent        // that count
	complete bool                // the snapshot is
}

func newSyncModel(s *syncSource, mode int16) *syncModel {
	return &syncModel{model: make(model), tables: s.tables, mode: mode, stream: s.prefix, last: make(map[partition]int), read: make(map[partition]int64)}
}

// take applies the record at the next place of a partition.
func (m *syncModel) take(e *syncEvent, p partition) {
	offset := m.read[p]
	m.read[p]++
	again := e.op != 'r' && e.number <= m.last[p]
	if again && e.number < m.last[p] {
		return
	}
	if e.op != 'r' {
		m.last[p] = e.number
	}
	if g := m.gen; g != nil && offset >= g.from[p] && (e.tx > g.snapshotAt() || e.op == 'r' && e.tx == g.snapshotAt()) {
		g.seen = append(g.seen, e)
		g.complete = g.complete && e.op != 'r'
	}
	// What is made though it is there is a new version, unless the old one begins later
	// than in the source, behind an endsync.
	known := e.op == 'c' && slices.ContainsFunc(m.model[e.table.name], func(v modelVersion) bool {
		return v.end == 0 && v.start > e.ts && v.row.equal(e.row)
	})
	if !again && !known {
		m.apply(&e.modelEvent)
	}
}

// snapshotAt is where the latest snapshot was taken of which a record counts; 0: none.
func (g *syncModelGen) snapshotAt() int64 {
	at := int64(0)
	for _, e := range g.seen {
		if e.op == 'r' {
			at = max(at, e.tx)
		}
	}
	return at
}

// again says whether a snapshot was begun more than once.
func (g *syncModelGen) again() bool {
	return slices.ContainsFunc(g.seen, func(e *syncEvent) bool { return e.op == 'r' && e.tx < g.snapshotAt() })
}

// lastSeen says whether the last record of the latest snapshot has come.
func (g *syncModelGen) lastSeen() bool {
	return slices.ContainsFunc(g.seen, func(e *syncEvent) bool { return e.snapshot == "last" && e.tx == g.snapshotAt() })
}

// confirms says whether a record of the latest snapshot, or one behind it, has brought
// a row.
func (g *syncModelGen) confirms(t *modelTable, row modelRow) bool {
	at := g.snapshotAt()
	return slices.ContainsFunc(g.seen, func(e *syncEvent) bool {
		return e.table == t && e.row != nil && e.op != 'd' && e.concerns(row) && (e.tx > at || e.tx == at && e.op == 'r')
	})
}

// unconfirmed are the keys of a table's current rows that an endsync would close. In
// an initial synchronization these are leftovers of a snapshot that was broken off.
func (m *syncModel) unconfirmed(t *modelTable) map[string]bool {
	keys := make(map[string]bool)
	if m.gen == nil || !m.gen.adopted || m.mode == catalog.SyncInitial && !m.gen.again() {
		return keys
	}
	for _, v := range m.model[t.name] {
		if v.end == 0 && !m.gen.confirms(t, v.row) {
			keys[v.row["k"].class] = true
		}
	}
	return keys
}

// guarded says whether an endsync closes too much without force (rule R19).
func (m *syncModel) guarded() bool {
	if m.gen == nil {
		return false
	}
	current, gone := 0, 0
	for _, t := range m.tables {
		n := len(m.unconfirmed(t))
		gone += n
		for _, v := range m.model[t.name] {
			if v.end == 0 {
				current++
			}
		}
		absent := !slices.ContainsFunc(m.gen.seen, func(e *syncEvent) bool {
			return e.table == t && e.op == 'r' && e.tx == m.gen.snapshotAt()
		})
		if n > 0 && absent {
			return true
		}
	}
	return 5*gone > current
}

// close closes the current row of a key.
func (m *syncModel) close(t *modelTable, key string, at int64) {
	for i := range m.model[t.name] {
		if v := &m.model[t.name][i]; v.end == 0 && v.row["k"].class == key {
			v.end = max(at, v.start)
		}
	}
}

// ask notes what a statement has asked for.
func (m *syncModel) ask(kind string, mode int16) {
	m.asked, m.mode = append(m.asked, kind), mode
}

// alter is told that a run reads another stream: its records count, in case that a
// SYNC comes; but not those of topics that were read before.
func (m *syncModel) alter(prefix string, filled bool, known []catalog.Boundary) {
	if prefix == m.stream {
		return
	}
	m.stream = prefix
	if !filled {
		return
	}
	m.gen = &syncModelGen{mode: m.mode, from: make(map[partition]int64)}
	for _, e := range known {
		m.gen.from[partition{e.Topic, e.Partition}] = math.MaxInt64
	}
}

// turn is told that a run has brought the generation to what is asked for. SYNC takes
// over what has come of a new stream; else only what lies behind the ends counts.
func (m *syncModel) turn(ends []catalog.Boundary) {
	asked := m.asked
	m.asked = nil
	begin := len(asked) > 0 && asked[len(asked)-1] == catalog.RequestSync
	switch g := m.gen; {
	case m.mode == catalog.SyncNone:
		if len(asked) > 0 || g != nil && g.adopted {
			m.gen = nil
		}
	case m.mode == catalog.SyncInitial:
		if g == nil {
			m.gen = &syncModelGen{mode: m.mode, adopted: true, from: make(map[partition]int64)}
		}
	case g != nil && !g.adopted:
		g.adopted, g.mode = true, m.mode
		for _, e := range ends {
			if p := (partition{e.Topic, e.Partition}); g.from[p] > 0 {
				g.from[p] = e.From
			}
		}
	case begin || g == nil || g.mode != m.mode:
		m.gen = &syncModelGen{mode: m.mode, adopted: true, from: make(map[partition]int64)}
		for _, e := range ends {
			m.gen.from[partition{e.Topic, e.Partition}] = e.From
		}
	}
}

// adopt takes the versions of some keys from the warehouse, and says which of them
// are not as they may be: what was over before has changed, or a confirmed row is gone.
func (m *syncModel) adopt(t *modelTable, keys map[string]bool, got, before []modelVersion) (wrong []string) {
	for _, v := range before {
		if v.end != 0 && !slices.ContainsFunc(got, func(o modelVersion) bool {
			return v.start == o.start && v.end == o.end && v.row.equal(o.row)
		}) {
			wrong = append(wrong, "history of "+v.row["k"].class)
		}
	}
	var versions []modelVersion
	for _, v := range m.model[t.name] {
		k := v.row["k"].class
		switch {
		case !keys[k]:
			versions = append(versions, v)
		case v.end == 0 && m.gen.confirms(t, v.row) && !slices.ContainsFunc(got, func(o modelVersion) bool {
			return o.end == 0 && v.row.equal(o.row)
		}):
			wrong = append(wrong, "confirmed row "+k)
		}
	}
	for _, v := range got {
		if keys[v.row["k"].class] {
			versions = append(versions, v)
		}
	}
	m.model[t.name] = versions
	return wrong
}
