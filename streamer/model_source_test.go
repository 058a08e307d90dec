package streamer

import (
	"fmt"
	"maps"
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

// sourceTableState is the present state of a table.
type sourceTableState struct {
	*modelTable
	columns  []modelColumn // the key columns too
	families map[string][]*modelKind
	key      []string
	rows     []map[string]int // by column, the place of the value in its kind; -1: NULL
	added    int
}

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

func (s *modelSource) addTable(partitions int) {
	t := &sourceTableState{modelTable: &modelTable{name: fmt.Sprintf("t%d", len(s.tables)), partitions: partitions},
		families: make(map[string][]*modelKind), key: []string{"k"}}
	// On several partitions equal rows without a key are told apart by rules of thumb
	// (docs/adr/003-resent-keyless-events.md), for a day of the source's time.
	t.keyless = partitions == 1 && rapid.IntRange(0, 2).Draw(s.rt, "keyless") == 2
	family := oneOf(s.rt, "key family", keyFamilies())
	if len(family) > 2 {
		family = []*modelKind{family[0], family[1], family[2], family[5], family[6]}
	}
	t.families["k"] = family
	t.columns = []modelColumn{{"k", family[0]}}
	if rapid.IntRange(0, 2).Draw(s.rt, "second key column") == 0 {
		t.families["k2"] = []*modelKind{kindOf("word", schemaText, quoted("", "a")...)}
		t.columns = append(t.columns, modelColumn{"k2", t.families["k2"][0]})
		if rapid.Bool().Draw(s.rt, "composite") {
			t.key = []string{"k", "k2"}
		}
	}
	if t.keyless {
		t.key = nil
	}
	// With several partitions, events of one millisecond that have lost their key cannot be
	// put in order.
	if !t.keyless && partitions == 1 && rapid.IntRange(0, 3).Draw(s.rt, "not ASCII") == 3 {
		t.name += "é"
		t.damaged = true
	}
	s.tables = append(s.tables, t)
	for range rapid.IntRange(1, 4).Draw(s.rt, "columns") {
		s.addColumn(t)
	}
}

func (s *modelSource) addColumn(t *sourceTableState) {
	if t.added >= 6 {
		return
	}
	all := families()
	family := all[min(t.added, 1)] // numbers and large texts first: most is found there
	if t.added > 1 {
		family = oneOf(s.rt, "family", all)
	}
	name := fmt.Sprintf("c%d", t.added)
	t.added++
	t.families[name] = family
	t.columns = append(t.columns, modelColumn{name, oneOf(s.rt, "kind", family)})
	for _, r := range t.rows {
		r[name] = -1
	}
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

func (s *modelSource) event(t *sourceTableState, op byte, row map[string]int) *modelEvent {
	e := &modelEvent{table: t.modelTable, op: op, columns: slices.Clone(t.columns), snapshot: "false", lsn: s.lsn}
	for _, k := range t.key {
		c := t.columns[slices.IndexFunc(t.columns, func(c modelColumn) bool { return c.name == k })]
		e.keys = append(e.keys, c)
		if row != nil {
			e.key = append(e.key, c.kind.values[row[k]])
		}
	}
	if row == nil {
		return e
	}
	e.row = make(modelRow)
	for _, c := range t.columns {
		if at := row[c.name]; at >= 0 {
			e.row[c.name] = c.kind.values[at]
		} else {
			e.row[c.name] = modelNull
		}
	}
	return e
}

// emit writes an event into a transaction.
func (s *modelSource) emit(x *sourceTx, e *modelEvent) *modelEvent {
	x.events = append(x.events, e)
	return e
}

// lock takes the lock of a row or, without one, of the whole table; false if
// another transaction holds it.
func (s *modelSource) lock(x *sourceTx, t *sourceTableState, row map[string]int) bool {
	name := t.name
	if row != nil {
		name = fmt.Sprintf("%s/%d", t.name, row["k"])
	}
	for _, o := range s.open {
		if o != x && (o.whole[t.name] || o.locks[name]) {
			return false
		}
	}
	x.locks[name], x.locks[t.name] = true, true
	if row == nil {
		x.whole[t.name] = true
	}
	return true
}

// newRow draws a row whose key is free and can be locked; nil if there is none.
func (s *modelSource) newRow(t *sourceTableState, x *sourceTx) map[string]int {
	row := make(map[string]int)
	for _, c := range t.columns {
		isKey := c.name == "k" || c.name == "k2"
		if isKey {
			row[c.name] = rapid.IntRange(0, len(c.kind.values)-1).Draw(s.rt, "key")
		} else {
			row[c.name] = rapid.IntRange(-1, len(c.kind.values)-1).Draw(s.rt, "value")
		}
	}
	if !t.keyless && t.find(row) >= 0 || x != nil && !s.lock(x, t, row) {
		return nil
	}
	return row
}

// find is the place of the row with the key of another one; -1 for none.
func (t *sourceTableState) find(row map[string]int) int {
	return slices.IndexFunc(t.rows, func(r map[string]int) bool {
		for _, k := range t.key {
			if r[k] != row[k] {
				return false
			}
		}
		return true
	})
}

// insert inserts rows, several of them at one place of the log as COPY does.
func (s *modelSource) insert(x *sourceTx, t *sourceTableState, most int) {
	for range most {
		if row := s.newRow(t, x); row != nil {
			t.rows = append(t.rows, row)
			s.emit(x, s.event(t, 'c', row))
		}
	}
	s.lsn++
}

// pick draws a row and locks it; -1 if there is none.
func (s *modelSource) pick(x *sourceTx, t *sourceTableState) int {
	if len(t.rows) == 0 {
		return -1
	}
	i := rapid.IntRange(0, len(t.rows)-1).Draw(s.rt, "row")
	if !s.lock(x, t, t.rows[i]) {
		return -1
	}
	return i
}

// change draws new values for columns that are not in the key, and says which
// large ones stayed as they are and are not sent.
func (s *modelSource) change(t *sourceTableState, row map[string]int) (unsent map[string]bool) {
	unsent = make(map[string]bool)
	for _, c := range t.columns {
		if slices.Contains(t.key, c.name) || c.name == "k" {
			continue
		}
		least := -1
		if c.name == "k2" {
			least = 0
		}
		if rapid.IntRange(0, 2).Draw(s.rt, "changed") == 0 {
			row[c.name] = rapid.IntRange(least, len(c.kind.values)-1).Draw(s.rt, "value")
		} else if c.kind.large && row[c.name] >= 0 && rapid.IntRange(0, 2).Draw(s.rt, "sent") > 0 {
			unsent[c.name] = !s.sendAll && !t.damaged // the row before may come later
		}
	}
	return unsent
}

func (s *modelSource) update(x *sourceTx, t *sourceTableState) {
	i := s.pick(x, t)
	if i < 0 {
		return
	}
	before := s.before(t, t.rows[i])
	unsent := s.change(t, t.rows[i])
	e := s.emit(x, s.event(t, 'u', t.rows[i]))
	e.unsent, e.before = unsent, before
	s.lsn++
}

// before is the row before a change as a table without a key has it in its events.
func (s *modelSource) before(t *sourceTableState, row map[string]int) modelRow {
	if !t.keyless {
		return nil
	}
	return s.event(t, 'r', row).row
}

func (s *modelSource) remove(x *sourceTx, t *sourceTableState) {
	i := s.pick(x, t)
	if i < 0 {
		return
	}
	s.emit(x, s.event(t, 'd', t.rows[i])).before = s.before(t, t.rows[i])
	t.rows = slices.Delete(t.rows, i, i+1)
	s.lsn++
}

// rekey changes the key of a row: a delete and an insert at one place of the log.
func (s *modelSource) rekey(x *sourceTx, t *sourceTableState) {
	i := s.pick(x, t)
	if i < 0 || t.keyless || t.damaged {
		return
	}
	fresh := s.newRow(t, x)
	if fresh == nil {
		return
	}
	old := s.event(t, 'd', t.rows[i])
	row := maps.Clone(t.rows[i])
	for _, k := range t.key {
		row[k] = fresh[k]
	}
	if slices.Contains(t.key, "k") {
		row["k"] = fresh["k"]
	}
	unsent := s.change(t, row)
	e := s.event(t, 'c', row)
	e.unsent, e.oldKey = unsent, old.key
	old.newKey = e.key
	s.emit(x, old)
	s.emit(x, e)
	t.rows[i] = row
	s.lsn++
}

func (s *modelSource) truncate(x *sourceTx, t *sourceTableState) {
	if !s.lockWhole(x, t) {
		return
	}
	t.rows = nil
	s.emit(x, s.event(t, 't', nil))
	s.lsn++
}

// lockWhole locks a table that no other transaction has touched.
func (s *modelSource) lockWhole(x *sourceTx, t *sourceTableState) bool { return s.lock(x, t, nil) }

// alter adds, drops or changes a column, or the key.
func (s *modelSource) alter(x *sourceTx, t *sourceTableState) {
	if !s.lockWhole(x, t) {
		return
	}
	i := rapid.IntRange(0, len(t.columns)-1).Draw(s.rt, "column")
	c := &t.columns[i]
	isKey := c.name == "k" || c.name == "k2"
	switch rapid.IntRange(0, 3).Draw(s.rt, "alteration") {
	case 0:
		s.addColumn(t)
	case 1:
		if !isKey {
			t.columns = slices.Delete(slices.Clone(t.columns), i, i+1)
		}
	case 2:
		to := oneOf(s.rt, "kind", t.families[c.name])
		for _, r := range t.rows {
			if r[c.name] >= len(to.values) {
				return
			}
		}
		t.columns = slices.Clone(t.columns)
		t.columns[i].kind = to
	case 3:
		s.alterKey(t)
	}
}

// alterKey changes which columns are the key. The records of a row then move to
// other partitions, which nothing can put in order again: only where there is one.
func (s *modelSource) alterKey(t *sourceTableState) {
	if t.partitions > 1 || t.keyless || t.damaged || t.families["k2"] == nil {
		return
	}
	keys := [][]string{{"k"}, {"k", "k2"}, {"k2", "k"}}
	before := t.key
	s.backup = nil // rows that only the warehouse has might have one key of the old columns
	t.key = oneOf(s.rt, "key columns", keys)
	for i, r := range t.rows {
		if t.find(r) != i {
			t.key = before // not unique
			return
		}
	}
}
