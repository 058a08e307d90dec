package streamer

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"
)

// sourceTableState is the present state of a table.
type sourceTableState struct {
	*modelTable
	columns  []modelColumn // the key columns too
	families map[string][]*modelKind
	key      []string
	rows     []map[string]int // by column, the place of the value in its kind; -1: NULL
	added    int
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
