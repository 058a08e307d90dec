package warehouse

import (
	"fmt"
	"slices"

	"metadb/change"
)

// keyOf are the raw fields of a row's key columns, valid until the next call for
// the lane.
func (l *lane) keyOf(row change.Tuple) [][]byte {
	fields := l.fields[:0]
	for range l.t.key {
		fields = append(fields, nil)
	}
	missing := len(fields)
	for i := 0; missing > 0 && len(row) > 0; i++ {
		v, n, rest := row.Next()
		for k, at := range l.t.key {
			if at != i {
				continue
			}
			missing--
			if n >= 0 {
				fields[k] = v[:n:n]
			}
		}
		row = rest
	}
	l.fields = fields
	return fields
}

// deleteKey converts the key that a delete carries, alone or within the row
// before, to the table's types.
func (l *lane) deleteKey(shape *change.Shape, key change.Tuple, arena *change.Arena) ([][]byte, error) {
	fields := make([][]byte, len(l.t.key))
	for _, c := range shape.Columns {
		field := key
		_, _, key = key.Next()
		i, ok := l.t.index[columnName(c.Name)]
		if !ok || !slices.Contains(l.t.key, i) {
			continue
		}
		conv, err := convert(c.Type, l.t.columns[i].Type)
		if err != nil {
			return nil, fmt.Errorf("key of table %s: %w", l.t, err)
		}
		b, err := appendConverted(arena.Start(len(field)+16), field, conv)
		if err != nil {
			return nil, fmt.Errorf("key of table %s: %w", l.t, err)
		}
		v, n, _ := change.Tuple(arena.Commit(b)).Next()
		for k, at := range l.t.key {
			if at == i && n >= 0 {
				fields[k] = v[:n:n]
			}
		}
	}
	return fields, nil
}

// eventKey is the key of a lane's event, in the types of its table.
func (l *lane) eventKey(e *laneEvent, arena *change.Arena) ([][]byte, error) {
	switch {
	case e.row != nil:
		return l.keyOf(e.row), nil
	case e.ev.KeyShape != nil:
		return l.deleteKey(e.ev.KeyShape, e.ev.Key, arena)
	}
	return l.deleteKey(e.ev.Shape, e.ev.Before, arena)
}
