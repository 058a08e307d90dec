package debezium

import "testing"

// TestNotes gives notes to types that Metadb 1.4 had no column for, and none to
// the others.
func TestNotes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		node schemaNode
		want string
	}{
		{schemaNode{Type: "int32"}, ""},
		{schemaNode{Type: "string", Name: "io.debezium.data.Json"}, ""},
		{schemaNode{Type: "bytes", Name: "org.apache.kafka.connect.data.Decimal", Parameters: nil}, "of a type that Metadb does not know, as JSON"},
		{schemaNode{Type: "bytes"}, "bytes"},
		{schemaNode{Type: "bytes", Name: "io.debezium.data.Bits"}, "bit string, as text of 0 and 1"},
		{schemaNode{Type: "array", Items: &schemaNode{Type: "int32"}}, "array, as JSON"},
		{schemaNode{Type: "map"}, "map, such as hstore, as a JSON object"},
		{schemaNode{Type: "struct"}, "structure, as a JSON object"},
		{schemaNode{Type: "struct", Name: "io.debezium.data.geometry.Point"}, "geometry, as a JSON object"},
		{schemaNode{Type: "int64", Name: "io.debezium.time.MicroDuration"}, "interval, in microseconds"},
		{schemaNode{Type: "int64"}, ""},
	} {
		tt.node.Field = "c"
		cols, ok := columnsOf([]schemaNode{tt.node})
		if !ok || cols[0].note != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.node.Type, tt.node.Name, cols[0].note, tt.want)
		}
	}
}
