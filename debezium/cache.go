package debezium

import (
	"bytes"

	"metadb/change"
)

// maxEntries bounds the schema blocks of one topic that are kept. Two tables can
// share a topic, and old and new schemas alternate around a snapshot.
const maxEntries = 64

// entry is one schema block and what became of it.
type entry struct {
	schema []byte // the exact bytes of the block
	prefix []byte // all bytes before the payload, if only } came behind it

	ok    bool // columns could be read
	cols  []column
	row   *object
	shape *change.Shape
	odd   []string // columns of types not known, until someone was told

	plans map[*entry]*keyPlan // value entries: by the entry of the key
}

// keyPlan says where the columns of a key stand in the row. shape is nil if
// they do not: then the record counts as one without a key.
type keyPlan struct {
	shape *change.Shape
	at    []int32
}

// cache is the schema blocks seen in one topic's values, or in its keys.
type cache struct {
	entries []*entry
	next    int // the one to replace when full
}

// byPrefix finds the entry whose prefix value begins with. last is tried first.
func (c *cache) byPrefix(value []byte, last *entry) *entry {
	if last != nil && last.prefix != nil && bytes.HasPrefix(value, last.prefix) {
		return last
	}
	for _, e := range c.entries {
		if e.prefix != nil && e != last && bytes.HasPrefix(value, e.prefix) {
			return e
		}
	}
	return nil
}

// bySchema finds the entry of a schema block or makes it with parse. full says
// that an old entry was dropped for it.
func (c *cache) bySchema(schema []byte, parse func(*entry)) (e *entry, full bool) {
	for _, e := range c.entries {
		if bytes.Equal(e.schema, schema) {
			return e, false
		}
	}
	e = &entry{schema: bytes.Clone(schema)}
	parse(e)
	if len(c.entries) < maxEntries {
		c.entries = append(c.entries, e)
		return e, false
	}
	c.entries[c.next] = e
	c.next = (c.next + 1) % maxEntries
	return e, true
}

// fill gives an entry its columns.
func (e *entry) fill(fields []schemaNode, shapes *Shapes) {
	cols, ok := columnsOf(fields)
	if !ok {
		return
	}
	e.ok, e.cols = true, cols
	names := make([]string, len(cols))
	list := make([]change.Column, len(cols))
	for i, c := range cols {
		names[i] = c.name
		list[i] = change.Column{Name: c.name, Type: types[c.codec], Note: c.note}
		if c.codec == asRaw {
			e.odd = append(e.odd, c.name)
		}
	}
	e.row = newObject(names...)
	e.shape = shapes.of(list)
}
