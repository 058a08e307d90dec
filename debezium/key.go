package debezium

import (
	"slices"
	"unicode/utf8"

	"metadb/change"
)

// keyReader finds the key columns of a topic's records.
type keyReader struct {
	cache  cache
	last   *entry // schema of the key before, if it had one
	top    *object
	bare   *object // keys without schema: learns its columns
	bytes  []byte  // of the record's key
	dirty  bool    // it holds invalid UTF-8
	schema *entry  // of the key at hand; nil: it has none
	found  bool    // there is a key with columns

	row   row // of keys without schema
	list  []change.Column
	slots []int32  // of the key at hand, without schema
	again barePlan // the last plan of such a key
}

func newKeyReader() keyReader {
	k := keyReader{top: newObject("schema", "payload"), bare: newObject()}
	k.bare.open = true
	return k
}

// read takes a record's key apart. A key that is no object, or has no columns,
// counts as missing.
func (k *keyReader) read(key []byte, shapes *Shapes) *BadEvent {
	k.bytes, k.dirty, k.found, k.schema = key, false, false, nil
	if len(key) == 0 {
		return nil
	}
	if known := k.cache.byPrefix(key, k.last); known != nil {
		from := len(known.prefix)
		if known.row != nil && from < len(key) && key[from] == '{' {
			known.row.reset()
			end := known.row.scan(key, from, 2)
			if end > 0 && end+1 == len(key) && key[end] == '}' {
				k.schema, k.last = known, known
				k.found = len(known.cols) > 0
				k.dirty = !utf8.Valid(key[from:end])
				return nil
			}
		}
	}
	return k.readSlow(key, shapes)
}

func (k *keyReader) readSlow(key []byte, shapes *Shapes) *BadEvent {
	i := blanks(key, 0)
	if i < len(key) && key[i] != '{' {
		if end, _ := scanValue(key, i, 0); end < 0 || blanks(key, end) != len(key) {
			return badEvent(RuleKey, "")
		}
		return nil
	}
	schema, payload, end := splitWrapped(k.top, key, i)
	if end < 0 {
		return badEvent(RuleKey, "")
	}
	depth := 2
	if payload.kind == absent {
		schema, payload, depth = span{}, span{uint32(i), uint32(end), objectVal}, 1
	}
	if payload.kind != objectVal {
		return nil
	}
	row := k.bare
	if schema.kind == objectVal {
		known, full := k.cache.bySchema(schema.of(key), func(e *entry) { e.fillKey(shapes) })
		if full {
			k.last = nil
		}
		if !known.ok {
			return badEvent(RuleKey, "")
		}
		if schema.off < payload.off && int(payload.end)+1 == len(key) {
			known.remember(key[:payload.off])
		}
		k.schema, k.last = known, known
		row = known.row
	} else if len(row.out) > maxLearned {
		*row = *newObject()
		row.open = true
		k.again = barePlan{}
	}
	row.reset()
	row.scan(key, int(payload.off), depth)
	k.dirty = !utf8.Valid(payload.of(key))
	if k.schema != nil {
		k.found = len(k.schema.cols) > 0
		return nil
	}
	for _, s := range row.out {
		k.found = k.found || s.kind != absent
	}
	return nil
}

// fillKey gives the entry of a key's schema its columns.
func (e *entry) fillKey(shapes *Shapes) {
	if n, err := parseSchema(e.schema); err == nil {
		e.fill(n.Fields, shapes)
	}
}

// plan is where the key's columns stand among those of a row.
func (k *keyReader) plan(r *row, shapes *Shapes) *keyPlan {
	if k.schema == nil || r.plans == nil {
		return k.barePlan(r, shapes)
	}
	if p := r.plans[k.schema]; p != nil {
		return p
	}
	if len(r.plans) >= maxEntries {
		clear(r.plans)
	}
	p := k.makePlan(r, shapes)
	r.plans[k.schema] = p
	return p
}

// barePlan is the plan of a key and a row that do not both have a schema, kept
// while neither changes.
type barePlan struct {
	plan   *keyPlan
	schema *entry
	shape  *change.Shape
	slots  []int32
}

func (k *keyReader) barePlan(r *row, shapes *Shapes) *keyPlan {
	k.slots = k.slots[:0]
	if k.schema == nil {
		for slot, s := range k.bare.out {
			if s.kind != absent {
				k.slots = append(k.slots, int32(slot))
			}
		}
	}
	last := &k.again
	if last.plan == nil || last.schema != k.schema || last.shape != r.shape || !slices.Equal(last.slots, k.slots) {
		*last = barePlan{k.makePlan(r, shapes), k.schema, r.shape, slices.Clone(k.slots)}
	}
	return last.plan
}

func (k *keyReader) makePlan(r *row, shapes *Shapes) *keyPlan {
	p := new(keyPlan)
	var list []change.Column
	add := func(name string) bool {
		for i := range r.cols {
			if r.cols[i].name == name {
				p.at = append(p.at, int32(i))
				list = append(list, r.shape.Columns[i])
				return true
			}
		}
		return false
	}
	if k.schema != nil {
		for i := range k.schema.cols {
			if !add(k.schema.cols[i].name) {
				return p
			}
		}
	} else {
		for _, slot := range k.slots {
			if !add(k.bare.order[slot]) {
				return p
			}
		}
	}
	p.shape = shapes.of(list)
	return p
}

// span is the whole of the record's key.
func (k *keyReader) span() span { return span{0, uint32(len(k.bytes)), objectVal} }

// bareRow is the row of a key without schema. A null has no type; it is read as
// text, and as a key it is null.
func (k *keyReader) bareRow(shapes *Shapes) *row {
	r := &k.row
	r.cols, r.slots, k.list = r.cols[:0], r.slots[:0], k.list[:0]
	for slot, s := range k.bare.out {
		if s.kind == absent {
			continue
		}
		as, ok := bareCodec(k.bytes, s)
		if !ok {
			as = asText
		}
		name := k.bare.order[slot]
		k.list = append(k.list, change.Column{Name: name, Type: types[as]})
		r.cols = append(r.cols, column{name: name, codec: as})
		r.slots = append(r.slots, int32(slot))
	}
	if r.shape == nil || !sameColumns(r.shape.Columns, k.list) {
		r.shape = shapes.of(k.list)
	}
	return r
}
