package warehouse

import (
	"encoding/binary"
	"fmt"

	"metadb/change"
)

// plan turns rows of one event shape into rows of one table.
type plan struct {
	straight bool  // the shape's columns are the table's first ones, of equal types
	nulls    int   // straight: columns of the table behind them
	from     []int // else: per column of the table, the field of the event or -1
	convert  []converter
	fields   int // of the event

	checkUUID bool // text goes into a uuid column: each value is looked at first
}

// newPlan plans the rows of shape s for table t, which has all its columns.
func newPlan(t *table, s *change.Shape) (*plan, error) {
	p := &plan{from: make([]int, len(t.columns)), convert: make([]converter, len(t.columns)), fields: len(s.Columns)}
	for i := range p.from {
		p.from[i] = -1
	}
	p.straight = len(s.Columns) <= len(t.columns)
	p.nulls = len(t.columns) - len(s.Columns)
	for f, c := range s.Columns {
		i, ok := t.index[columnName(c.Name)]
		if !ok {
			return nil, at(t.tableName, fmt.Errorf("table %s has no column %s: %w", t, c.Name, ErrLayout))
		}
		conv, err := convert(c.Type, t.columns[i].Type)
		if err != nil {
			return nil, fmt.Errorf("column %s of table %s: %w", c.Name, t, err)
		}
		p.from[i], p.convert[i] = f, conv
		p.checkUUID = p.checkUUID || c.Type == change.Text && t.columns[i].Type == change.UUID
		p.straight = p.straight && i == f && conv == nil
	}
	return p, nil
}

// appendRow appends the event's row as a row of the table. Columns that the
// event does not have become NULL; unavailable values stay marked.
func (p *plan) appendRow(dst []byte, row change.Tuple) ([]byte, error) {
	if p.straight {
		dst = append(dst, row...)
		for range p.nulls {
			dst = change.AppendNull(dst)
		}
		return dst, nil
	}
	fields := make([]change.Tuple, p.fields)
	for i := range fields {
		fields[i] = row
		_, _, row = row.Next()
	}
	for i, f := range p.from {
		if f < 0 {
			dst = change.AppendNull(dst)
			continue
		}
		var err error
		if dst, err = appendConverted(dst, fields[f], p.convert[i]); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// appendConverted appends the first field of t, converted unless conv is nil.
func appendConverted(dst []byte, t change.Tuple, conv converter) ([]byte, error) {
	v, n, _ := t.Next()
	if n < 0 || conv == nil {
		dst = binary.BigEndian.AppendUint32(dst, uint32(n))
		return append(dst, v...), nil
	}
	at := len(dst)
	dst, err := conv(append(dst, 0, 0, 0, 0), v)
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst, err
}
