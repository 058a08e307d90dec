package compare

import (
	"fmt"
	"slices"

	"metadb/testsql/captures"
)

// exceptions are the places where a right program may differ from the truth.
type exceptions struct {
	places map[place]*exception
	seen   map[place]bool // rows that were looked at, of tables in known
	known  []place        // those of known_differences.csv, in its order
}

// exception is one place.
type exception struct {
	only      Reason // the only sort of difference that it covers; "" for any
	avoidable bool   // nothing need differ here
	used      bool   // something did differ here
}

// place is a cell, or with "*" as column a row, or with "*" as key all rows.
type place struct{ schema, table, column, key string }

// anyName stands for every column or every key.
const anyName = "*"

// readExceptions collects the exceptions of a recording.
func readExceptions(name string, truth []*table, unclosed bool) (*exceptions, error) {
	e := &exceptions{places: map[place]*exception{}, seen: map[place]bool{}}
	_, short, err := truthDir(name)
	if err != nil {
		return nil, err
	}
	if err := e.readKnown(short); err != nil {
		return nil, err
	}
	if err := e.readKeys(name, truth, unclosed); err != nil {
		return nil, err
	}
	return e, nil
}

// readKnown reads the list of known differences.
func (e *exceptions) readKnown(capture string) error {
	sheet, err := readSheet(captures.Files(), "known_differences.csv")
	if err != nil {
		return err
	}
	for _, row := range sheet.Rows {
		if row[0].Text != capture {
			continue
		}
		at := place{row[1].Text, row[2].Text, row[3].Text, row[4].Text}
		if e.places[at] != nil {
			return fmt.Errorf("known_differences.csv: %v is there twice", at)
		}
		e.places[at] = &exception{avoidable: row[6].Text == "yes"}
		e.known = append(e.known, at)
	}
	return nil
}

// addRow lets a row pass that is missing, or that is there and should not be.
func (e *exceptions) addRow(schema, table, key string, only Reason) {
	at := place{schema, table, anyName, key}
	if e.places[at] == nil {
		e.places[at] = &exception{only: only}
	}
}

// allows says whether there may be a difference, and remembers that there is
// one.  The column is "*" when it is the row that is missing or too much.
func (e *exceptions) allows(t *table, column, key string, reason Reason) bool {
	for _, at := range []place{
		{t.Schema, t.Name, column, key},
		{t.Schema, t.Name, anyName, key},
		{t.Schema, t.Name, column, anyName},
		{t.Schema, t.Name, anyName, anyName},
	} {
		if found := e.places[at]; found != nil && (found.only == "" || found.only == reason) {
			found.used = true
			return true
		}
	}
	return false
}

// saw remembers that there is such a row, in the truth or in the warehouse.
func (e *exceptions) saw(t *table, key string) {
	e.seen[place{schema: t.Schema, table: t.Name, key: key}] = true
}

// Unused is a known difference that is none.
type Unused struct {
	Schema, Table, Column, Key string
	Why                        string
}

// unused lists the known differences where nothing differs although something
// must.
func (e *exceptions) unused(truth []*table) []Unused {
	var list []Unused
	for _, at := range e.known {
		if found := e.places[at]; found.used || found.avoidable {
			continue
		}
		list = append(list, Unused{Schema: at.schema, Table: at.table, Column: at.column, Key: at.key, Why: e.whyUnused(truth, at)})
	}
	return list
}

func (e *exceptions) whyUnused(truth []*table, at place) string {
	i := slices.IndexFunc(truth, func(t *table) bool { return t.Schema == at.schema && t.Name == at.table })
	switch {
	case i < 0:
		return "no such table"
	case at.column != anyName && !slices.ContainsFunc(truth[i].Columns, func(c column) bool { return c.Name == at.column }):
		return "no such column"
	case at.key != anyName && !e.seen[place{schema: at.schema, table: at.table, key: at.key}]:
		return "no such row"
	}
	return "nothing differs"
}
