package debezium

import (
	"testing"

	"metadb/change"
)

// A record that breaks off before its payload must not be read at the places of
// the record before it.
func TestCutOffAfterAWholeRecord(t *testing.T) {
	t.Parallel()
	d := NewDecoder(Options{})
	var a change.Arena
	var ev change.Event
	whole := `{"schema":{"type":"struct","fields":[]},"payload":{"op":"t","source":{"ts_ms":1,"schema":"s","table":"t"},"ts_ms":1}}`
	if _, err := d.Decode(nil, []byte(whole), &a, &ev); err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(whole); n++ {
		if _, err := d.Decode([]byte("{"), []byte(whole[:n]), &a, &ev); err == nil {
			t.Errorf("%q is no bad event", whole[:n])
		}
	}
}
