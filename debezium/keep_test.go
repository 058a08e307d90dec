package debezium

import (
	"bytes"
	"runtime"
	"testing"
	"weak"

	"metadb/change"
)

// TestDecoderKeepsNothingOfARecord decodes a record that lies in a large buffer,
// as it does in an answer of the broker, and looks whether the buffer goes.
func TestDecoderKeepsNothingOfARecord(t *testing.T) {
	t.Parallel()
	key := `{"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":false,"name":"K"},"payload":{"id":1}}`
	value := `{"schema":{"type":"struct","fields":[{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"},` +
		`{"type":"string","optional":true,"field":"t"}],"optional":true,"name":"V","field":"after"}],"optional":false,"name":"E"},` +
		`"payload":{"before":null,"after":{"id":1,"t":"text"},"source":{"schema":"s","table":"t","ts_ms":1700000000000,"lsn":7},"op":"c","ts_ms":1}}`
	d := NewDecoder(Options{})
	var arena change.Arena
	var ev change.Event
	decode := func(key, value string) weak.Pointer[byte] {
		buffer := bytes.Repeat([]byte{' '}, 1<<20)
		copy(buffer, key)
		copy(buffer[len(key):], value)
		result, err := d.Decode(buffer[:len(key)], buffer[len(key):len(key)+len(value)], &arena, &ev)
		if result != Change || err != nil {
			t.Fatalf("%v, %v", result, err)
		}
		return weak.Make(&buffer[0])
	}
	for range 2 { // the second time the schemas are known
		buffer := decode(key, value)
		runtime.GC()
		if buffer.Value() != nil {
			t.Error("the record is still in memory")
		}
	}
	if ev.Table != "t" || ev.Key == nil {
		t.Errorf("%+v", ev)
	}
	runtime.KeepAlive(d)
}
