package debezium

import (
	"bytes"

	"metadb/change"
)

// OldKeyHeader is the record header that names, on the insert half of a change of
// primary key, the key which the row had before.
const OldKeyHeader = "__debezium.oldkey"

// OldKey decodes the value of the header OldKeyHeader for the record whose key is
// given, which is the one decoded last. It is nil when that cannot be done: then
// the row before is not known, which costs no more than values that were not sent.
func (d *Decoder) OldKey(key, header []byte, a *change.Arena) change.Tuple {
	whole := header
	if i := bytes.LastIndex(key, []byte(`"payload":`)); i >= 0 && bytes.HasPrefix(key, []byte(`{"schema":{`)) {
		whole = append(append(bytes.Clone(key[:i+len(`"payload":`)]), header...), '}')
	}
	var old change.Event
	if d.key.read(whole, d.shapes) != nil || !d.key.found || d.appendKey(a, &old) != nil {
		return nil
	}
	return old.Key
}
