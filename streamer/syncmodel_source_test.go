package streamer

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"metadb/catalog"
)

// syncSource is a source database, the connector that captures it, and the broker
// that holds what connectors have sent. A connector takes a snapshot, all of whose
// rows carry one position, and then sends what was committed since. Killed during the
// snapshot it takes another one; killed later it repeats what it sent last. One that
// is lost goes with its slot: what is changed until the next one nobody ever hears of.
type syncSource struct {
	rt     *rapid.T
	tables []*modelTable
	rows   map[*modelTable]map[int]int // what is true: by the place of the key, that of the value
	topics map[string][][]*syncEvent   // by name: the records of each partition

	now, lsn, commit int64
	events           int

	prefix   string // of the connector's topics, and its name
	captured bool   // there is a connector
	snapshot []*syncEvent
	stream   []*syncEvent // committed and not sent
	sent     []*syncEvent // streamed by this connector
	first    bool         // no transaction has been committed behind the snapshot
}

// syncEvent is an event with its number in the source's life; one that is sent again
// is the same. tx is its place in the order of the commits.
type syncEvent struct {
	modelEvent
	number int
}

// Columns of all tables: a key and a value.
var (
	syncKey   = modelColumn{"k", kindOf("integer", `"type":"int32"`, same("1", "1"), same("2", "2"), same("3", "3"), same("4", "4"), same("5", "5"), same("6", "6"))}
	syncValue = modelColumn{"v", kindOf("text", schemaText, quoted("x", "y", "z")...)}
)

// drawSyncSource draws tables with rows in them, and a connector that begins.
func drawSyncSource(rt *rapid.T, now int64) *syncSource {
	s := &syncSource{rt: rt, now: now, lsn: 1000, prefix: "a", rows: make(map[*modelTable]map[int]int), topics: make(map[string][][]*syncEvent)}
	for i, n := range rapid.SliceOfN(rapid.SampledFrom([]int{1, 3, 8}), 1, 2).Draw(rt, "partitions") {
		t := &modelTable{name: fmt.Sprintf("t%d", i), partitions: n}
		s.tables, s.rows[t] = append(s.tables, t), make(map[int]int)
	}
	for range rapid.IntRange(0, 6).Draw(rt, "rows") {
		s.transaction()
	}
	s.connect(false)
	return s
}

// event makes one of a key; key below 0: of the whole table.
func (s *syncSource) event(t *modelTable, op byte, key int) *syncEvent {
	s.events++
	s.lsn += 2
	e := &syncEvent{number: s.events, modelEvent: modelEvent{table: t, op: op, columns: []modelColumn{syncKey, syncValue},
		connector: s.prefix, snapshot: "false", ts: s.now, lsn: s.lsn}}
	if key < 0 {
		return e
	}
	e.keys, e.key = []modelColumn{syncKey}, modelKey{syncKey.kind.values[key]}
	if v, there := s.rows[t][key]; there {
		e.row = modelRow{"k": e.key[0], "v": syncValue.kind.values[v]}
	}
	return e
}

// transaction commits a few changes.
func (s *syncSource) transaction() {
	s.now += rapid.Int64Range(0, 3).Draw(s.rt, "ms")
	var events []*syncEvent
	for range rapid.IntRange(1, 3).Draw(s.rt, "changes") {
		events = append(events, s.change(oneOf(s.rt, "table", s.tables)))
	}
	s.lsn += 2
	for _, e := range events {
		if e.tx = s.lsn; !s.first {
			e.commit = s.commit
		}
	}
	if s.first && rapid.IntRange(0, 2).Draw(s.rt, "overlaps") == 0 {
		events[0].lsn = s.commit - 1 // written before the snapshot, committed behind it
	}
	s.first, s.commit = false, s.lsn
	if s.captured {
		s.stream = append(s.stream, events...)
	}
}

// change changes one row, or truncates: not over several partitions, where a truncate
// has rules of its own.
func (s *syncSource) change(t *modelTable) *syncEvent {
	key := rapid.IntRange(0, len(syncKey.kind.values)-1).Draw(s.rt, "key")
	_, there := s.rows[t][key]
	switch kind := rapid.IntRange(0, 11).Draw(s.rt, "change"); {
	case kind == 0 && t.partitions == 1:
		clear(s.rows[t])
		return s.event(t, 't', -1)
	case kind < 4 && there:
		delete(s.rows[t], key)
		return s.event(t, 'd', key)
	}
	s.rows[t][key] = rapid.IntRange(0, len(syncValue.kind.values)-1).Draw(s.rt, "value")
	if there {
		return s.event(t, 'u', key)
	}
	return s.event(t, 'c', key)
}

// connect lets a connector begin with a snapshot of what is true now: under another
// name, or in the topics of the last one. A source that is empty as a whole gets a row:
// nobody could see its snapshot.
func (s *syncSource) connect(renamed bool) {
	if !slices.ContainsFunc(s.tables, func(t *modelTable) bool { return len(s.rows[t]) > 0 }) {
		s.rows[s.tables[0]][0] = 0
	}
	if renamed {
		s.prefix = string(s.prefix[0] + 1)
	}
	s.now += 10_001 // clocks may differ by ten seconds
	s.lsn += 4
	at := s.lsn
	s.commit, s.captured, s.first, s.snapshot, s.stream, s.sent = at, true, true, nil, nil, nil
	for _, t := range s.tables {
		for key := range syncKey.kind.values {
			if _, there := s.rows[t][key]; there {
				e := s.event(t, 'r', key)
				e.lsn, e.tx, e.snapshot = at, at, "true"
				s.snapshot = append(s.snapshot, e)
			}
		}
	}
	if n := len(s.snapshot); n > 0 {
		s.snapshot[n-1].snapshot = "last"
	}
}

// kill kills the connector, which comes back.
func (s *syncSource) kill() {
	if len(s.snapshot) > 0 {
		s.connect(false)
	} else if len(s.sent) > 0 {
		from := len(s.sent) - rapid.IntRange(1, min(len(s.sent), 8)).Draw(s.rt, "sent again")
		s.stream = append(slices.Clone(s.sent[from:]), s.stream...)
		s.sent = s.sent[:from]
	}
}

// lose lets the connector go for good.
func (s *syncSource) lose() { s.captured, s.snapshot, s.stream, s.sent = false, nil, nil, nil }

// unsent is how many records the connector would send.
func (s *syncSource) unsent() int { return len(s.snapshot) + len(s.stream) }

// send lets the connector write some records.
func (s *syncSource) send(most int) {
	for range min(most, s.unsent()) {
		var e *syncEvent
		if len(s.snapshot) > 0 {
			e, s.snapshot = s.snapshot[0], s.snapshot[1:]
		} else {
			e, s.stream = s.stream[0], s.stream[1:]
			s.sent = append(s.sent, e)
		}
		name := e.connector + "." + e.table.name
		if s.topics[name] == nil {
			s.topics[name] = make([][]*syncEvent, e.table.partitions)
		}
		p := e.partition()
		s.topics[name][p] = append(s.topics[name][p], e)
	}
}

// ends are the partitions of the topics of connectors, with where they end.
func (s *syncSource) ends(prefixes string) []catalog.Boundary {
	var ends []catalog.Boundary
	for _, prefix := range prefixes {
		for _, t := range s.tables {
			name := string(prefix) + "." + t.name
			for p, log := range s.topics[name] {
				b := catalog.Boundary{Topic: name, Partition: int32(p), From: int64(len(log))}
				copy(b.TopicID[:], name)
				ends = append(ends, b)
			}
		}
	}
	return ends
}

// record is what lies at a place of the log.
func (s *syncSource) record(p partition, offset int64) (*syncEvent, *kgo.Record) {
	e := s.topics[p.topic][p.id][offset]
	r := e.record(p.id, e.ts, false)
	r.Topic, r.Offset = p.topic, offset
	return e, r
}
