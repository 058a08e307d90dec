package debezium

import "metadb/change"

// row is the columns of the row at hand and how each is read. With a schema it
// is the schema's; without one it is put together for each event.
type row struct {
	shape *change.Shape
	cols  []column
	slots []int32 // place of each column among the members; nil: the same
	plans map[*entry]*keyPlan
}

// at is the span of column i.
func (r *row) at(out []span, i int) span {
	if r.slots != nil {
		i = int(r.slots[i])
	}
	if i >= len(out) {
		return span{}
	}
	return out[i]
}

// room is a guess at the bytes that a row takes, mostly enough.
func (r *row) room(image span) int {
	return int(image.end-image.off) + 24*len(r.cols) + 64
}

// bareTable remembers the types that a table's columns had last, where records
// have no schema.
type bareTable struct {
	types []change.Type // by slot
	last  *change.Shape
}

// bareRows makes rows of records without schema.
type bareRows struct {
	tables map[[2]string]*bareTable
	name   [2]string
	table  *bareTable // of name
	list   []change.Column
	row    row
}

// isNew turns to a table and says whether it was not known.
func (r *bareRows) isNew(schema, table string) bool {
	name := [2]string{schema, table}
	if r.table != nil && r.name == name {
		return false
	}
	if r.tables == nil || len(r.tables) >= maxEntries {
		r.tables = make(map[[2]string]*bareTable)
	}
	known := r.tables[name]
	if known == nil {
		r.tables[name] = new(bareTable)
	}
	r.name, r.table = name, r.tables[name]
	return known == nil
}

// of is the row of an event of this table. Members are in the slots of o, those
// of the row before, if it counts, in before. ok is false if the two do not agree.
func (r *bareRows) of(schema, table string, b []byte, o *object, before []span, shapes *Shapes) (*row, bool) {
	r.isNew(schema, table)
	t := r.table
	if len(t.types) > len(o.out) { // names were forgotten
		t.types = t.types[:0]
	}
	for len(t.types) < len(o.out) {
		t.types = append(t.types, change.NoType)
	}
	r.list, r.row.cols, r.row.slots = r.list[:0], r.row.cols[:0], r.row.slots[:0]
	for slot, s := range o.out {
		as, ok := bareCodec(b, s)
		if slot < len(before) && before[slot].kind != absent {
			other, known := bareCodec(b, before[slot])
			switch {
			case !known:
			case !ok:
				as, ok = other, true
			case as == asInt8 && other == asNumber:
				as = asNumber
			case as == asNumber && other == asInt8:
			case as != other:
				return nil, false
			}
		} else if s.kind == absent {
			continue
		}
		if ok {
			t.types[slot] = types[as]
		} else if t.types[slot] == change.NoType {
			continue // only null was ever seen
		} else {
			as = codecOf(t.types[slot])
		}
		r.list = append(r.list, change.Column{Name: o.order[slot], Type: types[as]})
		r.row.cols = append(r.row.cols, column{name: o.order[slot], codec: as})
		r.row.slots = append(r.row.slots, int32(slot))
	}
	if t.last == nil || !sameColumns(t.last.Columns, r.list) {
		t.last = shapes.of(r.list)
	}
	r.row.shape = t.last
	return &r.row, true
}

func sameColumns(a, b []change.Column) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// bareCodec is how a value without schema is read. Nothing is guessed: dates,
// decimals and bytes stay the numbers and words as which they came. ok is false
// for null.
func bareCodec(b []byte, s span) (as codec, ok bool) {
	switch s.kind {
	case trueLit, falseLit:
		return asBool, true
	case number:
		tok := s.of(b)
		if !isInteger(tok) {
			return asNumber, true
		}
		if _, rule := parseInt(tok); rule != "" {
			return asNumber, true
		}
		return asInt8, true
	case str, strEsc, strDoc, strU:
		return asText, true
	case objectVal, arrayVal:
		return asRaw, true
	default:
		return asRaw, false
	}
}

// codecOf is the bare codec that writes a type.
func codecOf(t change.Type) codec {
	switch t {
	case change.Bool:
		return asBool
	case change.Int8:
		return asInt8
	case change.Numeric:
		return asNumber
	case change.Text:
		return asText
	default:
		return asRaw
	}
}
