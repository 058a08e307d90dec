package compare

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"metadb/testsql/captures"
)

// table is a source table with its contents at the end of a recording.
type table struct {
	Schema     string   `json:"schema"`
	Name       string   `json:"table"`
	File       string   `json:"file"`
	PrimaryKey *string  `json:"primary_key"`
	Columns    []column `json:"columns"`

	key   []int // places of the key's columns
	sheet *Sheet
}

type column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// truthDir tells where the truth of a recording stands, and the recording's
// name in the list of known differences.
func truthDir(name string) (dir, short string) {
	base := path.Base(name)
	if stage, found := strings.CutPrefix(base, "stage"); found {
		return path.Join(path.Dir(name), "truth"+stage), path.Base(path.Dir(name))
	}
	if strings.HasPrefix(name, "hard/") {
		return path.Join(name, "truth3"), base // all its stages
	}
	if strings.HasPrefix(name, "variants/") {
		return "variants/truth", base
	}
	return path.Join(name, "truth"), base
}

// readTruth reads all source tables of a recording.
func readTruth(name string) ([]*table, error) {
	files := captures.Files()
	dir, _ := truthDir(name)
	text, err := fs.ReadFile(files, path.Join(dir, "_tables.json"))
	if err != nil {
		return nil, fmt.Errorf("truth of %q: %w", name, err)
	}
	var tables []*table
	if err := json.Unmarshal(text, &tables); err != nil {
		return nil, fmt.Errorf("truth of %q: %w", name, err)
	}
	for _, t := range tables {
		if err := t.findKey(); err != nil {
			return nil, err
		}
		if t.sheet, err = readSheet(files, path.Join(dir, t.File)); err != nil {
			return nil, fmt.Errorf("truth of %q: %w", name, err)
		}
		if len(t.sheet.Columns) != len(t.Columns) {
			return nil, fmt.Errorf("truth of %s.%s: %d columns, want %d", t.Schema, t.Name, len(t.sheet.Columns), len(t.Columns))
		}
	}
	return tables, nil
}

// findKey resolves the names in the primary key, "a,b" or "\"Line No\"".
func (t *table) findKey() error {
	if t.PrimaryKey == nil {
		return nil
	}
	for name := range strings.SplitSeq(*t.PrimaryKey, ",") {
		name = strings.Trim(strings.TrimSpace(name), `"`)
		found := false
		for i, c := range t.Columns {
			if c.Name == name {
				t.key = append(t.key, i)
				found = true
			}
		}
		if !found {
			return fmt.Errorf("truth of %s.%s: no key column %q", t.Schema, t.Name, name)
		}
	}
	return nil
}

// normalRow brings the values of a row, in the order of the table's columns,
// to their normal form.
func (t *table) normalRow(row []Cell) []Cell {
	out := make([]Cell, len(row))
	for i, cell := range row {
		k, _ := kindOf(t.Columns[i].Type)
		out[i] = normal(k, cell)
	}
	return out
}

// keyOf is a row's key as text; the whole row where there is no key.
func (t *table) keyOf(row []Cell) string {
	if len(t.key) == 0 {
		return joinCells(row)
	}
	var parts []string
	for _, i := range t.key {
		parts = append(parts, row[i].Text)
	}
	return strings.Join(parts, ",")
}

// joinCells makes one text of a row, without ambiguity.
func joinCells(row []Cell) string {
	var b strings.Builder
	for _, cell := range row {
		if cell.Null {
			b.WriteString("N;")
			continue
		}
		fmt.Fprintf(&b, "%d:%s;", len(cell.Text), cell.Text)
	}
	return b.String()
}
