package warehouse

import (
	"slices"

	"metadb/change"
)

// tableName names a current table; the main table is its name with "__".
type tableName struct{ schema, table string }

// String is the name as logs and errors show it.
func (n tableName) String() string { return n.schema + "." + n.table }

// table is what an Applier knows of one history table.
type table struct {
	tableName
	id      int32 // row in metadb.data_table
	history string
	sync    string

	columns []change.Column // data columns in the table's order
	index   map[string]int  // column name → position in columns
	indexed map[string]bool // columns that lead an index of the main table
	years   map[int]bool    // years with a history partition

	keyKnown bool
	key      []int // positions of the key columns; empty: the table has no key

	fault error // why the table takes no events; nil: it does

	plans map[planKey]*plan
	stmts *statements // prepared on the Applier's connection; nil: not yet
}

func newTable(n tableName) *table {
	return &table{
		tableName: n,
		history:   historyName(n.table),
		sync:      syncName(n.table),
		index:     make(map[string]int),
		indexed:   make(map[string]bool),
		years:     make(map[int]bool),
		plans:     make(map[planKey]*plan),
	}
}

// addColumn appends a data column.
func (t *table) addColumn(c change.Column) {
	t.index[c.Name] = len(t.columns)
	t.columns = append(t.columns, c)
}

// clone copies what a schema change touches, so that a change that is rolled
// back leaves the original as it was.
func (t *table) clone() *table {
	c := *t
	c.columns = slices.Clone(t.columns)
	c.index = make(map[string]int, len(t.index))
	for k, v := range t.index {
		c.index[k] = v
	}
	c.indexed = make(map[string]bool, len(t.indexed))
	for k := range t.indexed {
		c.indexed[k] = true
	}
	c.years = make(map[int]bool, len(t.years))
	for k := range t.years {
		c.years[k] = true
	}
	c.key = slices.Clone(t.key)
	c.plans = make(map[planKey]*plan)
	c.stmts = nil
	return &c
}

// keyNames are the names of the key columns.
func (t *table) keyNames() []string {
	names := make([]string, len(t.key))
	for i, k := range t.key {
		names[i] = t.columns[k].Name
	}
	return names
}

func (t *table) main() string    { return quote(t.schema, mainName(t.table)) }
func (t *table) current() string { return quote(t.schema, t.table) }
