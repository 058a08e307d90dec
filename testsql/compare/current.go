package compare

import "slices"

// comparison compares the current rows of one table.
type comparison struct {
	table   *table
	allowed *exceptions
	result  *Table
}

// rows compares rows by their key; where there is none, by all they hold.
func (c *comparison) rows(got [][]Cell, r rendering) {
	want, have := map[string][]row{}, map[string][]row{}
	var order []string
	sort := func(into map[string][]row, raw []Cell, r rendering) {
		row := c.table.row(raw, r)
		key := c.table.keyOf(row)
		if len(want[key]) == 0 && len(have[key]) == 0 {
			order = append(order, key)
		}
		into[key] = append(into[key], row)
	}
	for _, raw := range c.table.sheet.Rows {
		sort(want, raw, rendering{})
	}
	for _, raw := range got {
		sort(have, raw, r)
	}
	for _, key := range order {
		c.allowed.saw(c.table, key)
		c.key(key, want[key], have[key])
	}
}

// key compares the rows of one key: at most one on each side, unless the table
// has no key.
func (c *comparison) key(key string, want, have []row) {
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
			c.cells(key, want[i], have[i])
		case reason != DoubledRow && c.allowed.allows(c.table, anyName, key, reason):
			c.result.Known++
		default:
			c.result.add(Difference{Reason: reason, Key: key})
		}
	}
}

// cells compares two rows of one key.
func (c *comparison) cells(key string, want, have row) {
	for i, column := range c.table.Columns {
		if want.normal[i] == have.normal[i] {
			continue
		}
		// Streamed events lack generated columns: not to know them is right.
		unknown := have.normal[i].Null && slices.Contains(c.table.Generated, column.Name)
		if unknown || c.allowed.allows(c.table, column.Name, key, WrongValue) {
			c.result.Known++
			continue
		}
		c.result.add(Difference{
			Reason: WrongValue, Key: key, Column: column.Name,
			Want: want.raw[i].String(), Got: have.raw[i].String(),
		})
	}
}
