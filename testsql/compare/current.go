package compare

import "slices"

// compareRows compares rows by their key; where there is none, by all they
// hold.
func compareRows(result *Table, t *table, got [][]Cell, allowed *exceptions) {
	want := map[string][][]Cell{}
	var order []string
	for _, row := range t.sheet.Rows {
		row = t.normalRow(row)
		key := t.keyOf(row)
		if len(want[key]) == 0 {
			order = append(order, key)
		}
		want[key] = append(want[key], row)
	}
	have := map[string][][]Cell{}
	for _, row := range got {
		row = t.normalRow(row)
		key := t.keyOf(row)
		if len(want[key]) == 0 && len(have[key]) == 0 {
			order = append(order, key)
		}
		have[key] = append(have[key], row)
	}
	for _, key := range order {
		compareKey(result, t, key, want[key], have[key], allowed)
	}
}

// compareKey compares the rows of one key: at most one on each side, unless
// the table has no key.
func compareKey(result *Table, t *table, key string, want, have [][]Cell, allowed *exceptions) {
	_, rowAllowed := allowed.allows(t, anyName, key)
	for i := range max(len(want), len(have)) {
		var reason Reason
		switch {
		case i >= len(want) && i > 0:
			reason = DoubledRow
		case i >= len(want):
			reason = ExtraRow
		case i >= len(have):
			reason = MissingRow
		}
		switch {
		case reason == "":
			compareCells(result, t, key, want[i], have[i], allowed)
		case rowAllowed && reason != DoubledRow:
			result.Known++
		default:
			result.add(Difference{Reason: reason, Key: key})
		}
	}
}

// compareCells compares two rows of one key.
func compareCells(result *Table, t *table, key string, want, have []Cell, allowed *exceptions) {
	for i, c := range t.Columns {
		if want[i] == have[i] {
			continue
		}
		if _, ok := allowed.allows(t, c.Name, key); ok {
			result.Known++
			continue
		}
		result.add(Difference{
			Reason: WrongValue, Key: key, Column: c.Name,
			Want: want[i].String(), Got: have[i].String(),
			Odd: slices.Contains(result.OddColumns, c.Name),
		})
	}
}
