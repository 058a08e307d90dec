package compare

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
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
	// Generated are columns that only a snapshot brings.
	Generated []string `json:"generated_columns"`

	kinds []kind // of the columns
	key   []int  // places of the key's columns
	sheet *Sheet
}

type column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// errNoTruth says that nobody knows what the source held.
var errNoTruth = errors.New("this recording has no truth: its connector failed before the end")

// truthDir tells where the truth of a recording stands, and the recording's
// name in the list of known differences.
func truthDir(name string) (dir, short string, err error) {
	base := path.Base(name)
	if stage, found := strings.CutPrefix(base, "stage"); found {
		return path.Join(path.Dir(name), "truth"+stage), path.Base(path.Dir(name)), nil
	}
	if strings.HasPrefix(name, "hard/") { // all its stages
		dirs, err := fs.Glob(captures.Files(), path.Join(name, "truth[0-9]"))
		if err != nil || len(dirs) == 0 {
			return "", "", fs.ErrNotExist
		}
		return slices.Max(dirs), base, nil
	}
	if name == "variants/v19" {
		return "", "", errNoTruth
	}
	if strings.HasPrefix(name, "variants/") {
		return "variants/truth", base, nil
	}
	return path.Join(name, "truth"), base, nil
}

// readTruth reads all source tables of a recording.
func readTruth(name string) ([]*table, error) {
	files := captures.Files()
	dir, _, err := truthDir(name)
	if err != nil {
		return nil, fmt.Errorf("truth of %q: %w", name, err)
	}
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
		for _, c := range t.Columns {
			t.kinds = append(t.kinds, kindOf(c.Type))
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

// row is a row in the order of the table's columns.
type row struct {
	raw    []Cell // as it was read
	normal []Cell
}

// row brings values to their normal form.
func (t *table) row(raw []Cell, r rendering) row {
	out := row{raw: raw, normal: make([]Cell, len(raw))}
	for i, cell := range raw {
		out.normal[i] = r.normal(t.kinds[i], cell)
	}
	return out
}

// keyOf is a row's key as text; the whole row where there is no key.
func (t *table) keyOf(r row) string {
	if len(t.key) == 0 {
		return joinCells(r.normal)
	}
	var parts []string
	for _, i := range t.key {
		parts = append(parts, r.normal[i].Text)
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
