package streamer

import (
	"slices"

	"pgregory.net/rapid"
)

// modelSource is a source database with transactions that overlap in time. Its
// log is what a connector reads: transactions in the order of their commits.
type modelSource struct {
	rt     *rapid.T
	tables []*sourceTableState
	log    []*modelEvent
	quiet  []int // indexes in the log where everything before had been applied

	snapshots []modelSnapshot
	backup    *modelSource // nil: none was made
	sendAll   bool         // the warehouse may have other values than those that are not sent

	now, lsn, commit, tx int64
	open                 []*sourceTx
}

// modelSnapshot says where in the log a snapshot lies. One without rows only says that
// what comes behind it knows nothing of what lies before.
type modelSnapshot struct{ from, to int }

// sourceTx is a transaction that has not committed.
type sourceTx struct {
	id     int64
	events []*modelEvent
	locks  map[string]bool // tables, and rows by their first key column
	whole  map[string]bool // tables locked as a whole
}

// oneOf draws one of a list, by its place: values as long as these are no help in a
// failing test's log.
func oneOf[T any](rt *rapid.T, what string, list []T) T {
	return list[rapid.IntRange(0, len(list)-1).Draw(rt, what)]
}

// drawSource draws a source's life.
func drawSource(rt *rapid.T, partitions []int) *modelSource {
	s := &modelSource{rt: rt, now: 1_600_000_000_000, lsn: 1000}
	for _, n := range partitions {
		s.addTable(n)
	}
	if rapid.Bool().Draw(rt, "snapshot") {
		s.firstRows()
	}
	for _, t := range s.tables {
		t.damaged = t.damaged && len(t.rows) > 0
	}
	for range rapid.IntRange(1, 40).Draw(rt, "steps") {
		s.step()
	}
	for len(s.open) > 0 {
		s.finish(0)
	}
	return s
}

// firstRows are there before the connector comes.
func (s *modelSource) firstRows() {
	for _, t := range s.tables {
		for range rapid.IntRange(0, 3).Draw(s.rt, "snapshot rows") {
			if row := s.newRow(t, nil); row != nil {
				t.rows = append(t.rows, row)
			}
		}
	}
	s.snapshot()
}

// snapshot reads all rows: one position for all.
func (s *modelSource) snapshot() {
	from := len(s.log)
	for _, t := range s.tables {
		for _, row := range t.rows {
			e := s.event(t, 'r', row)
			e.snapshot, e.ts, e.lsn, e.tx = "true", s.now, s.lsn, 1
			s.log = append(s.log, e)
		}
	}
	s.snapshots = append(s.snapshots, modelSnapshot{from, len(s.log)})
	s.lsn += rapid.Int64Range(0, 1).Draw(s.rt, "first lsn")
}

// step lets one of the transactions do something, or end.
func (s *modelSource) step() {
	const most = 2
	i := rapid.IntRange(0, min(len(s.open), most-1)).Draw(s.rt, "transaction")
	if i == len(s.open) {
		s.tx++
		s.open = append(s.open, &sourceTx{id: s.tx, locks: make(map[string]bool), whole: make(map[string]bool)})
	}
	x := s.open[i]
	t := oneOf(s.rt, "table", s.tables)
	switch kind := rapid.IntRange(0, 19).Draw(s.rt, "kind"); {
	case kind < 3:
		s.finish(i)
	case kind < 7:
		s.insert(x, t, 1)
	case kind < 12:
		s.update(x, t)
	case kind < 14:
		s.remove(x, t)
	case kind < 16:
		s.rekey(x, t)
	case kind == 16:
		s.insert(x, t, 3)
	case kind == 17:
		s.truncate(x, t)
	default:
		s.alter(x, t)
	}
}

// finish commits a transaction.
func (s *modelSource) finish(i int) {
	x := s.open[i]
	s.open = slices.Delete(s.open, i, i+1)
	switch jump := rapid.IntRange(0, 40).Draw(s.rt, "clock"); {
	case jump > 0 && jump < 4 && len(s.open) == 0:
		defer s.save()
	case jump > 3 && jump < 7 && len(s.open) == 0 && s.backup != nil:
		defer s.restore()
	case jump == 0 && len(s.open) == 0:
		// A pause so long that whatever lags has arrived; often into another year.
		s.quiet = append(s.quiet, len(s.log))
		s.now += rapid.Int64Range(2, 10_000).Draw(s.rt, "hours") * 3_600_000
	case jump > 15:
		s.now += int64(jump % 4)
	}
	for _, e := range x.events {
		e.ts, e.commit, e.tx = s.now, s.commit, x.id
	}
	s.log = append(s.log, x.events...)
	s.lsn += 2
	if len(x.events) > 0 {
		s.commit = s.lsn - 1
	}
}
