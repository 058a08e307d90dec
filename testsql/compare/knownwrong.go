package compare

import (
	"math/big"
	"slices"
	"strings"
	"time"

	"metadb/testsql/oracle"
)

// wrong is one place where the oracle is not to be trusted.
type wrong struct {
	column, key, when string
}

// readWrong reads what is known to be wrong of one table.
func readWrong(state, schema, table string) ([]wrong, error) {
	sheet, err := readSheet(oracle.Files(), "known_wrong.csv")
	if err != nil {
		return nil, err
	}
	var list []wrong
	matches := func(pattern, name string) bool { return pattern == anyName || pattern == name }
	for _, row := range sheet.Rows {
		if matches(row[0].Text, state) && matches(row[1].Text, schema) && matches(row[2].Text, table) {
			list = append(list, wrong{column: row[3].Text, key: row[4].Text, when: row[5].Text})
		}
	}
	return list, nil
}

// bigKey is from where on the oracle's order numbers are rounded.
const bigKey = 1 << 53

// outside says whether rows like this one are left out on both sides.
func (w wrong) outside(columns []string, row []Cell) bool {
	column, found := strings.CutSuffix(w.when, ">=2^53")
	if !found {
		return false
	}
	i := slices.Index(columns, column)
	if i < 0 {
		return false
	}
	number, ok := new(big.Rat).SetString(row[i].Text)
	return ok && number.Cmp(new(big.Rat).SetInt64(bigKey)) >= 0
}

// extraRow says whether a row may be there that the oracle lacks.
func (w wrong) extraRow(key string) bool {
	return w.when == "missing" && w.key == key
}

// covers says whether a cell may differ from the oracle's.
func (w wrong) covers(column, key string, ours, theirs Cell) bool {
	if w.column != column || w.key != anyName && w.key != key {
		return false
	}
	switch w.when {
	case anyName:
		return true
	case "negative":
		return strings.HasPrefix(ours.Text, "-")
	case "oracle_null":
		return theirs.Null
	case "form":
		a, okA := instant(ours.Text)
		b, okB := instant(theirs.Text)
		return okA && okB && a.Equal(b)
	}
	return false
}

// instant reads a time in the forms that columns of changed types end up in.
func instant(text string) (time.Time, bool) {
	for _, layout := range []string{
		time.DateOnly, time.DateTime, time.RFC3339Nano, "2006-01-02 15:04:05Z07", "2006-01-02 15:04:05.999999Z07:00",
	} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
