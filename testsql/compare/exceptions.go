package compare

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"metadb/testsql/captures"
)

// exceptions are the places where a right program may differ from the truth.
type exceptions struct {
	cells map[place]string // reason
}

// place is a cell, or with "*" as column a row, or with "*" as key all rows.
type place struct{ schema, table, column, key string }

// anyName stands for every column or every key.
const anyName = "*"

// readExceptions collects the exceptions of a recording.
func readExceptions(name string, unclosed bool) (*exceptions, error) {
	e := &exceptions{cells: map[place]string{}}
	dir, short := truthDir(name)
	if err := e.readKnown(short); err != nil {
		return nil, err
	}
	if err := e.readLost(path.Join(path.Dir(dir), "lost_by_connector.json")); err != nil {
		return nil, err
	}
	if unclosed {
		if err := e.readUnclosed(path.Join(path.Dir(dir), "closed_by_endsync.json")); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// allows gives the reason why a cell may differ.
func (e *exceptions) allows(t *table, column, key string) (reason string, ok bool) {
	for _, p := range []place{
		{t.Schema, t.Name, column, key},
		{t.Schema, t.Name, anyName, key},
		{t.Schema, t.Name, column, anyName},
		{t.Schema, t.Name, anyName, anyName},
	} {
		if reason, ok = e.cells[p]; ok {
			return reason, true
		}
	}
	return "", false
}

// readKnown reads the list of known differences.
func (e *exceptions) readKnown(capture string) error {
	sheet, err := readSheet(captures.Files(), "known_differences.csv")
	if err != nil {
		return err
	}
	for _, row := range sheet.Rows {
		if row[0].Text == capture {
			e.cells[place{row[1].Text, row[2].Text, row[3].Text, row[4].Text}] = row[5].Text
		}
	}
	return nil
}

// readLost reads the rows that the connector lost, if there is such a list.
func (e *exceptions) readLost(file string) error {
	var lost struct{ Keys map[string][][]string }
	found, err := readJSON(file, &lost)
	if err != nil || !found {
		return err
	}
	for name, keys := range lost.Keys {
		schema, table, _ := strings.Cut(name, ".")
		for _, key := range keys {
			e.cells[place{schema, table, anyName, strings.Join(key, ",")}] = "lost by the connector"
		}
	}
	return nil
}

// readUnclosed reads the rows that stay current until endsync has run.
func (e *exceptions) readUnclosed(file string) error {
	var tables []struct {
		Schema, Table string
		Keys          []map[string]json.RawMessage
	}
	found, err := readJSON(file, &tables)
	if err != nil || !found {
		return err
	}
	for _, t := range tables {
		for _, key := range t.Keys {
			for _, order := range keyTexts(key) {
				e.cells[place{t.Schema, t.Table, anyName, order}] = "to be closed by endsync"
			}
		}
	}
	return nil
}

// keyTexts writes a key; JSON members have no order, so a key of two columns
// is written both ways.
func keyTexts(key map[string]json.RawMessage) []string {
	texts := []string{""}
	for _, raw := range key {
		text := strings.Trim(string(raw), `"`)
		if texts[0] == "" {
			texts = []string{text}
			continue
		}
		texts = []string{texts[0] + "," + text, text + "," + texts[0]}
	}
	return texts
}

// readJSON reads a file that need not be there.
func readJSON(file string, into any) (found bool, err error) {
	text, err := fs.ReadFile(captures.Files(), file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return false, fmt.Errorf("%s: %w", file, err)
	}
	return true, nil
}
