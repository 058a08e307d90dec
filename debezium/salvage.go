package debezium

import (
	"bytes"

	"metadb/change"
)

// salvage fills what can be read of a record whose value is broken: the table if
// the source block was whole, and the key. A dead letter confirms its key, so
// that the end of a sync does not close a row that lives.
func (d *Decoder) salvage(key, value []byte, a *change.Arena, ev *change.Event) {
	d.envelope.seekSource(value)
	if d.envelope.payload.out[slotSource].kind == objectVal {
		d.envelope.dirty = true // it was not looked at
		_ = d.readSource(value, ev)
	}
	if d.key.read(key, d.shapes) == nil {
		d.salvageKey(a, ev)
	}
}

// salvageKey fills the key from the record's key, if that can be read.
func (d *Decoder) salvageKey(a *change.Arena, ev *change.Event) {
	if d.key.found {
		_ = d.appendKey(a, ev)
	}
}

// seekSource looks for the source block in a value that is not JSON as a whole.
func (e *envelope) seekSource(value []byte) {
	if e.payload.out[slotSource].kind != absent {
		return
	}
	const member = `"payload":`
	i := bytes.Index(value, []byte(member))
	if i < 0 {
		return
	}
	if i = blanks(value, i+len(member)); i < len(value) && value[i] == '{' {
		e.payload.sub[slotAfter] = nil // learn no columns here
		e.payload.reset()
		e.payload.scan(value, i, 2)
	}
}
