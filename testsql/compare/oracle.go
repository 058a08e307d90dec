package compare

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"metadb/testsql/oracle"
)

// ownColumns are the columns that Metadb adds to every table.
var ownColumns = []string{"__id", "__start", "__end", "__current", "__origin"}

// oracleDir tells where a state of the oracle stands: shop_resync continues
// shop, so that its states are shop's.
func oracleDir(capture, state string) string {
	return path.Join(strings.TrimSuffix(capture, "_resync"), state)
}

// compareOracle compares whole histories with those that Metadb 1.4 made.
func compareOracle(ctx context.Context, w *warehouse, truth []*table, o Options) ([]*Table, error) {
	tables, err := readOracle(o, truth)
	if err != nil {
		return nil, err
	}
	var results []*Table
	for _, h := range tables {
		result, err := h.compare(ctx, w, o.Limit)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", h.schema, h.name, err)
		}
		results = append(results, result)
	}
	return results, nil
}

// readOracle reads all tables of a state.
func readOracle(o Options, truth []*table) ([]*historyTable, error) {
	dir := oracleDir(o.Capture, o.Oracle)
	types, err := oracleTypes(dir)
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(oracle.Files(), path.Join(dir, "[^_]*.csv"))
	if err != nil {
		return nil, err
	}
	var tables []*historyTable
	for _, file := range names {
		schema, name, _ := strings.Cut(strings.TrimSuffix(path.Base(file), ".csv"), ".")
		sheet, err := readSheet(oracle.Files(), file)
		if err != nil {
			return nil, err
		}
		list, err := readWrong(o.Oracle, schema, name)
		if err != nil {
			return nil, err
		}
		h := &historyTable{schema: schema, name: name, sheet: sheet, types: types[schema+"."+name], wrong: list}
		h.findKey(truth, o.Schemas)
		tables = append(tables, h)
	}
	streamed := lastStreamed(tables)
	for _, h := range tables {
		h.streamed = streamed
	}
	return tables, nil
}

// oracleTypes reads the types of all columns: table → column → type.
func oracleTypes(dir string) (map[string]map[string]string, error) {
	sheet, err := readSheet(oracle.Files(), path.Join(dir, "_columns.csv"))
	if err != nil {
		return nil, err
	}
	types := map[string]map[string]string{}
	for _, row := range sheet.Rows {
		table := row[0].Text + "." + row[1].Text
		if types[table] == nil {
			types[table] = map[string]string{}
		}
		types[table][row[3].Text] = row[4].Text
	}
	return types, nil
}

// historyTable is one table of the oracle.
type historyTable struct {
	schema, name string
	sheet        *Sheet
	types        map[string]string
	wrong        []wrong
	key          []int     // places of the key's columns, if known
	streamed     time.Time // the last time in the whole state that comes from an event
}

// findKey takes the key from the source's table.
func (h *historyTable) findKey(truth []*table, schemas Schemas) {
	for _, t := range truth {
		if target, _ := schemas.Target(t.Schema); target != h.schema || t.Name != h.name {
			continue
		}
		for _, i := range t.key {
			h.key = append(h.key, slices.Index(h.sheet.Columns, t.Columns[i].Name))
		}
	}
}

// compare compares all versions.
func (h *historyTable) compare(ctx context.Context, w *warehouse, limit int) (*Table, error) {
	result := &Table{Check: Oracle, Schema: h.schema, Name: h.name, Rows: len(h.sheet.Rows), limit: limit}
	name := pgx.Identifier{h.schema, h.name + "__"}
	columns, types, err := w.columns(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(columns) == 0 {
		result.Verdict = Missing
		return result, nil
	}
	h.noteColumns(result, columns, types)
	got, err := w.read(ctx, name, h.sheet.Columns, types, "")
	if err != nil {
		return nil, err
	}
	h.compareVersions(result, got)
	result.conclude()
	return result, nil
}

// noteColumns tells which columns and types are not the same.
func (h *historyTable) noteColumns(result *Table, columns []string, types map[string]string) {
	for _, column := range h.sheet.Columns {
		switch have, ok := types[column]; {
		case !ok:
			result.Notes = append(result.Notes, fmt.Sprintf("no column %q", column))
		case have != h.types[column]:
			result.Notes = append(result.Notes, fmt.Sprintf("column %q is %s, was %s", column, have, h.types[column]))
		}
	}
	for _, column := range columns {
		if !slices.Contains(h.sheet.Columns, column) && !slices.Contains(ownColumns, column) {
			result.Notes = append(result.Notes, fmt.Sprintf("new column %q", column))
		}
	}
}

// compareVersions compares two multisets of versions.  What is left over on
// both sides is paired as far as the list of wrong cells explains it.
func (h *historyTable) compareVersions(result *Table, got [][]Cell) {
	theirs := h.versions(h.sheet.Rows)
	left := map[string][][]Cell{} // by the cells that are never wrong
	count := map[string]int{}
	for _, row := range theirs {
		count[joinCells(row)]++
	}
	known := maps.Clone(count)
	var ours [][]Cell
	for _, row := range h.nameEndsync(h.versions(got)) {
		text := joinCells(row)
		if count[text] > 0 {
			count[text]--
			continue
		}
		ours = append(ours, row)
	}
	for _, row := range theirs {
		if text := joinCells(row); count[text] > 0 {
			count[text]--
			bucket := h.trusted(row)
			left[bucket] = append(left[bucket], row)
		}
	}
	for _, row := range ours {
		h.judgeOurs(result, row, left, known[joinCells(row)] > 0)
	}
	for _, rows := range left {
		for _, row := range rows {
			result.add(Difference{Reason: MissingRow, Key: h.keyOf(row), Want: h.show(row)})
		}
	}
}

// judgeOurs looks for a leftover version of the oracle that ours may stand
// for, and takes it.
func (h *historyTable) judgeOurs(result *Table, row []Cell, left map[string][][]Cell, doubled bool) {
	bucket := h.trusted(row)
	key := h.keyOf(row)
	at := slices.IndexFunc(left[bucket], func(their []Cell) bool { return h.explained(key, row, their) })
	switch {
	case at >= 0:
		left[bucket] = slices.Delete(left[bucket], at, at+1)
		result.Known++
	case slices.ContainsFunc(h.wrong, func(w wrong) bool { return w.extraRow(key) }):
		result.Known++
	case doubled:
		result.add(Difference{Reason: DoubledRow, Key: key, Got: h.show(row)})
	default:
		result.add(Difference{Reason: ExtraRow, Key: key, Got: h.show(row)})
	}
}

// explained says whether every cell is equal or known to be wrong.
func (h *historyTable) explained(key string, ours, theirs []Cell) bool {
	for i, column := range h.sheet.Columns {
		if ours[i] == theirs[i] {
			continue
		}
		if !slices.ContainsFunc(h.wrong, func(w wrong) bool { return w.covers(column, key, ours[i], theirs[i]) }) {
			return false
		}
	}
	return true
}

// versions normalises rows, without those that are left out on both sides.
func (h *historyTable) versions(rows [][]Cell) [][]Cell {
	out := make([][]Cell, 0, len(rows))
	for _, row := range rows {
		if slices.ContainsFunc(h.wrong, func(w wrong) bool { return w.outside(h.sheet.Columns, row) }) {
			continue
		}
		cells := make([]Cell, len(row))
		for i, cell := range row {
			cells[i] = normal(kindOf(h.types[h.sheet.Columns[i]]), cell)
		}
		out = append(out, cells)
	}
	return out
}

// trusted joins the cells of columns that are never wrong.
func (h *historyTable) trusted(row []Cell) string {
	var cells []Cell
	for i, column := range h.sheet.Columns {
		if !slices.ContainsFunc(h.wrong, func(w wrong) bool { return w.column == column }) {
			cells = append(cells, row[i])
		}
	}
	return joinCells(cells)
}

// keyOf is a version's key as text.
func (h *historyTable) keyOf(row []Cell) string {
	var parts []string
	for _, i := range h.key {
		if i >= 0 {
			parts = append(parts, row[i].Text)
		}
	}
	return strings.Join(parts, ",")
}

// show writes a version with the names of its columns, without empty ones.
func (h *historyTable) show(row []Cell) string {
	var parts []string
	for i, cell := range row {
		if !cell.Null && cell.Text != "" {
			parts = append(parts, h.sheet.Columns[i]+"="+shorten(cell.Text))
		}
	}
	return strings.Join(parts, " ")
}
