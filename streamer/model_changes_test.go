package streamer

import (
	"fmt"
	"maps"
	"slices"

	"pgregory.net/rapid"
)

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

// before is the row before a change as a table without a key has it in its events.
func (s *modelSource) before(t *sourceTableState, row map[string]int) modelRow {
	if !t.keyless {
		return nil
	}
	return s.event(t, 'r', row).row
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

// lockWhole locks a table that no other transaction has touched.
func (s *modelSource) lockWhole(x *sourceTx, t *sourceTableState) bool { return s.lock(x, t, nil) }

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
