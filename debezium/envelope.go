package debezium

import "unicode/utf8"

// Slots of the payload. The last two tell a bare payload from one in a wrapping.
const (
	slotBefore = iota
	slotAfter
	slotSource
	slotOp
	slotTs
	slotSchema
	slotPayload
)

// Slots of the source block.
const (
	sourceTs = iota
	sourceSnapshot
	sourceSchema
	sourceTable
	sourceTx
	sourceLSN
	sourceSequence
	sourceName
)

// envelope finds where things stand in the values of one topic.
type envelope struct {
	cache   cache
	current *entry // schema of the value at hand; nil: it has none
	last    *entry // schema of the value before, if it had one

	top     *object
	payload *object
	source  *object
	bare    *object // after, in values without schema: learns its columns

	dirty bool // the payload holds invalid UTF-8
}

func newEnvelope() envelope {
	e := envelope{
		top:     newObject("schema", "payload"),
		payload: newObject("before", "after", "source", "op", "ts_ms", "schema", "payload"),
		source:  newObject("ts_ms", "snapshot", "schema", "table", "txId", "lsn", "sequence", "name"),
		bare:    newObject(),
	}
	e.bare.open = true
	e.payload.sub = make([]*object, slotSource+1)
	e.payload.sub[slotSource] = e.source
	return e
}

// read takes a value apart. Result is Change if there is a payload object, whose
// slots are then filled.
func (e *envelope) read(value []byte, shapes *Shapes) (Result, *BadEvent) {
	e.dirty = false
	clear(e.payload.out) // a value that breaks off early must leave nothing of the last one
	if known := e.cache.byPrefix(value, e.last); known != nil {
		e.use(known)
		from := len(known.prefix)
		if from < len(value) && value[from] == '{' {
			end := e.payload.scan(value, from, 2)
			if end < 0 {
				return NotChange, badEvent(RuleJSON, "")
			}
			if end+1 == len(value) && value[end] == '}' {
				e.dirty = !utf8.Valid(value[from:end])
				return Change, nil
			}
		}
	}
	i := blanks(value, 0)
	if i < len(value) && value[i] != '{' {
		end, k := scanValue(value, i, 0)
		switch {
		case end < 0 || blanks(value, end) != len(value):
			return NotChange, badEvent(RuleJSON, "")
		case k == null:
			return Tombstone, nil
		}
		return NotChange, nil
	}
	if e.current == nil { // as the last one, it may have no schema
		result, bad := e.readBare(value, i)
		if bad != nil || result == Change {
			return result, bad
		}
	}
	return e.readWrapped(value, i, shapes)
}

// readBare reads a value that may itself be the payload. If it holds a payload,
// the result is NotChange.
func (e *envelope) readBare(value []byte, i int) (Result, *BadEvent) {
	e.use(nil)
	end := -1
	if i < len(value) {
		end = e.payload.scan(value, i, 1)
	}
	if end < 0 || blanks(value, end) != len(value) {
		return NotChange, badEvent(RuleJSON, "")
	}
	if e.payload.out[slotPayload].kind != absent {
		e.payload.forget() // what was learned is the order of the wrapping
		return NotChange, nil
	}
	e.dirty = !utf8.Valid(value[i:end])
	return Change, nil
}

// readWrapped reads {"schema":…,"payload":…} in any order and with anything else
// beside them.
func (e *envelope) readWrapped(value []byte, i int, shapes *Shapes) (Result, *BadEvent) {
	schema, payload, end := splitWrapped(e.top, value, i)
	if end < 0 {
		return NotChange, badEvent(RuleJSON, "")
	}
	if payload.kind == absent {
		return e.readBare(value, i)
	}
	if payload.kind != objectVal {
		return NotChange, nil
	}
	var known *entry
	if schema.kind == objectVal {
		var full bool
		known, full = e.cache.bySchema(schema.of(value), func(n *entry) { n.fillValue(shapes) })
		if full {
			e.last = nil
		}
		if schema.off < payload.off && int(payload.end)+1 == len(value) {
			known.remember(value[:payload.off])
		}
	}
	e.use(known)
	e.payload.scan(value, int(payload.off), 2)
	e.dirty = !utf8.Valid(payload.of(value))
	return Change, nil
}

// splitWrapped finds the two members of a wrapping.
func splitWrapped(top *object, b []byte, i int) (schema, payload span, end int) {
	top.reset()
	if i >= len(b) {
		return schema, payload, -1
	}
	end = top.scan(b, i, 1)
	if end < 0 || blanks(b, end) != len(b) {
		return schema, payload, -1
	}
	return top.out[0], top.out[1], end
}

// remember keeps the bytes before the payload, to recognise the next record.
func (e *entry) remember(prefix []byte) {
	if string(e.prefix) != string(prefix) {
		e.prefix = append([]byte(nil), prefix...)
	}
}

// fillValue gives the entry of a value's schema the columns of its row. Foreign
// payloads have no field after; they need none.
func (e *entry) fillValue(shapes *Shapes) {
	n, err := parseSchema(e.schema)
	if err != nil {
		return
	}
	for i := range n.Fields {
		if n.Fields[i].Field == "after" {
			e.fill(n.Fields[i].Fields, shapes)
		}
	}
}

// use makes a schema the one of the value at hand and empties all slots.
func (e *envelope) use(known *entry) {
	e.current = known
	if known != nil {
		e.last = known
	}
	row := e.row()
	e.payload.sub[slotAfter] = row
	e.payload.reset()
}

// row is what reads after and before; nil if the schema has no columns.
func (e *envelope) row() *object {
	if e.current == nil {
		if len(e.bare.out) > maxLearned { // hostile or not a table
			*e.bare = *newObject()
			e.bare.open = true
		}
		return e.bare
	}
	return e.current.row
}
