package debezium

import "strings"

// notes say what a column holds where its type alone does not: types that Metadb
// 1.4 refused, for which the choice is ours. They become comments of the columns.
var notes = [...]string{
	asRaw:    "of a type that Metadb does not know, as JSON",
	asBytes:  "bytes",
	asBits:   "bit string, as text of 0 and 1",
	asArray:  "array, as JSON",
	asMap:    "map, such as hstore, as a JSON object",
	asStruct: "structure, as a JSON object",
}

// noteOf is the note of a column of this schema; "" for most.
func noteOf(n *schemaNode, c *column) string {
	switch {
	case c.point:
		return "geometry, as a JSON object"
	case n.Type == "int64" && strings.HasSuffix(n.Name, ".time.MicroDuration"):
		return "interval, in microseconds"
	case int(c.codec) < len(notes):
		return notes[c.codec]
	}
	return ""
}
