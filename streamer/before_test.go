package streamer

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestImagesBeforeAreNotStored sends what a table with REPLICA IDENTITY FULL sends: rows
// as they were before, whose values no event has brought. Only what the source says that
// a row is becomes a version.
func TestImagesBeforeAreNotStored(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.source(`^m\.`)
	b.start()
	with := func(before string, r *kgo.Record) *kgo.Record {
		value := strings.Replace(string(r.Value), `"before":null`, `"before":`+before, 1)
		if strings.Contains(value, `"op":"d"`) {
			from, to := strings.Index(value, `"after":{`), strings.Index(value, `,"source"`)
			value = value[:from] + `"after":null` + value[to:]
		}
		r.Value = []byte(value)
		return r
	}
	note := func(value string) column { return column{"note", "string", value} }
	b.produce(
		with(`{"id":1,"note":"never sent"}`, shaped("item", "u", 1, base, note(`"a"`))),
		with(`{"id":1,"note":"nor this"}`, shaped("item", "u", 1, base+1000, note(`"b"`))),
		with(`{"id":1,"note":"nor that"}`, shaped("item", "d", 1, base+2000, note(`"b"`))),
		with(`{"id":2,"note":"gone before"}`, shaped("item", "d", 2, base+3000, note(`"c"`))),
	)
	b.drained()
	if got := b.text("SELECT string_agg(id || note || __current, ' ' ORDER BY __start) FROM lib.item__"); got != "1afalse 1bfalse" {
		t.Errorf("versions: %s", got)
	}
}
