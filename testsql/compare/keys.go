package compare

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"metadb/testsql/captures"
)

// readKeys reads the lists of rows that stand beside a recording's truth.
func (e *exceptions) readKeys(name string, truth []*table, unclosed bool) error {
	dir, _, err := truthDir(name)
	if err != nil {
		return err
	}
	stage, base := strings.TrimPrefix(path.Base(dir), "truth"), path.Dir(dir)
	if err := e.readLost(path.Join(base, "lost_by_connector.json")); err != nil {
		return err
	}
	if err := e.readGap(path.Join(base, "known_gap.json")); err != nil {
		return err
	}
	switch file := path.Join(base, "closed_by_endsync.json"); {
	case !unclosed:
		return nil
	case stage == "":
		return e.readUnclosed(file, truth)
	default:
		return e.readUnclosedStages(file, stage, truth)
	}
}

// readLost reads the rows that the connector lost.
func (e *exceptions) readLost(file string) error {
	var lost struct{ Keys map[string][][]string }
	if err := readJSON(file, &lost); err != nil {
		return err
	}
	e.addRows(lost.Keys, MissingRow)
	return nil
}

// readGap reads the rows whose end the connector does not tell.
func (e *exceptions) readGap(file string) error {
	var gap struct {
		Keys map[string][][]string `json:"keys_that_stay"`
	}
	if err := readJSON(file, &gap); err != nil {
		return err
	}
	e.addRows(gap.Keys, ExtraRow)
	return nil
}

func (e *exceptions) addRows(keys map[string][][]string, only Reason) {
	for name, list := range keys {
		schema, table, _ := strings.Cut(name, ".")
		for _, key := range list {
			e.addRow(schema, table, strings.Join(key, ","), only)
		}
	}
}

// jsonKey is a key as Debezium writes it: column → value.
type jsonKey map[string]json.RawMessage

// readUnclosed reads the rows that stay current until endsync has run.
func (e *exceptions) readUnclosed(file string, truth []*table) error {
	var tables []struct {
		Schema, Table string
		Keys          []jsonKey
	}
	if err := readJSON(file, &tables); err != nil {
		return err
	}
	for _, t := range tables {
		if err := e.addUnclosed(t.Schema, t.Table, t.Keys, truth); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// readUnclosedStages reads the same of a recording in stages.  What an earlier
// stage left stays until an endsync, too.
func (e *exceptions) readUnclosedStages(file, last string, truth []*table) error {
	var all struct {
		Stages map[string]struct{ Keys map[string][]jsonKey }
	}
	if err := readJSON(file, &all); err != nil {
		return err
	}
	for name, stage := range all.Stages {
		if strings.TrimPrefix(name, "stage") > last {
			continue
		}
		for table, keys := range stage.Keys {
			schema, table, _ := strings.Cut(table, ".")
			if err := e.addUnclosed(schema, table, keys, truth); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return nil
}

// addUnclosed lets rows pass that are there.  A table that the source has no
// longer is not compared, so its rows do not matter.  A table without a primary
// key that has keys nevertheless (those of a unique index) is compared by them.
func (e *exceptions) addUnclosed(schema, name string, keys []jsonKey, truth []*table) error {
	i := slices.IndexFunc(truth, func(t *table) bool { return t.Schema == schema && t.Name == name })
	if i < 0 {
		return nil
	}
	if len(truth[i].key) == 0 && len(keys) > 0 {
		for at, c := range truth[i].Columns {
			if _, found := keys[0][c.Name]; found {
				truth[i].key = append(truth[i].key, at)
			}
		}
	}
	for _, key := range keys {
		text, err := truth[i].keyText(key)
		if err != nil {
			return err
		}
		e.addRow(schema, name, text, ExtraRow)
	}
	return nil
}

// keyText writes a key as keyOf does.
func (t *table) keyText(key jsonKey) (string, error) {
	if len(key) != len(t.key) {
		return "", fmt.Errorf("%s.%s: a key of %d columns", t.Schema, t.Name, len(key))
	}
	var parts []string
	for _, i := range t.key {
		value, found := key[t.Columns[i].Name]
		if !found {
			return "", fmt.Errorf("%s.%s: a key without %q", t.Schema, t.Name, t.Columns[i].Name)
		}
		text := string(value)
		if quoted, err := strconv.Unquote(text); err == nil {
			text = quoted
		}
		parts = append(parts, rendering{ticks: true}.normal(t.kinds[i], Cell{Text: text}).Text)
	}
	return strings.Join(parts, ","), nil
}

// readJSON reads a file that need not be there.
func readJSON(file string, into any) error {
	text, err := fs.ReadFile(captures.Files(), file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
