package debezium

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"metadb/change"
	"metadb/testsql/captures"
)

// capture reads a recording of a real connector.
func capture(t testing.TB, name string) []captures.Record {
	t.Helper()
	var out []captures.Record
	for r, err := range captures.Read(name) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// asBad is the bad event that an error is, or nil.
func asBad(err error) *BadEvent {
	var bad *BadEvent
	errors.As(err, &bad)
	return bad
}

// differ compares an event with the twin's and names the first difference.
func differ(res Result, err error, ev *change.Event, wantRes Result, want *twinEvent, wantErr error) string {
	if (err != nil) != (wantErr != nil) {
		return "error"
	}
	if err != nil {
		return ""
	}
	skipped := func(r Result) bool { return r == NotChange || r == IgnoredOp } // a broken character is one byte, or three
	if res != wantRes && (!skipped(res) || !skipped(wantRes)) {
		return "result"
	}
	if res != Change {
		return ""
	}
	snapshot := ""
	for word, mark := range marks {
		if mark == ev.Snapshot {
			snapshot = word
		}
	}
	switch {
	case ev.Op.String()[0] != want.op[0]:
		return "op"
	case ev.Schema != want.schema || ev.Table != want.table:
		return "table"
	case ev.TsMs != want.tsMs || ev.SentMs != want.sentMs:
		return "time"
	case ev.Pos != want.pos:
		return "position"
	case snapshot != want.snapshot && marks[want.snapshot] != 0:
		return "snapshot"
	case (ev.Row != nil) != want.hasRow || (ev.Before != nil) != want.hasBefore || (ev.KeyShape != nil) != want.hasKey:
		return "images"
	}
	for _, image := range []struct {
		name  string
		shape *change.Shape
		tuple change.Tuple
		want  map[string]string
	}{{"row", ev.Shape, ev.Row, want.row}, {"before", ev.Shape, ev.Before, want.before}, {"key", ev.KeyShape, ev.Key, want.key}} {
		if image.tuple == nil {
			continue
		}
		got := show(image.shape, image.tuple)
		wanted := make(map[string]string, len(image.want))
		for name, text := range image.want {
			wanted[RepairName(name)] = text
		}
		for name, text := range got {
			other, ok := wanted[name]
			if text != other && (ok || text[len(text)-4:] != "NULL") {
				return image.name + " column " + name + ":\n " + text + "\n " + other
			}
		}
		for name := range wanted {
			if _, ok := got[name]; !ok {
				return image.name + " lacks " + name
			}
		}
	}
	return ""
}

// TestCapturesAgainstTwin decodes every record of every recording twice.
func TestCapturesAgainstTwin(t *testing.T) {
	for _, name := range captures.Names() {
		if os.Getenv("METADB_TEST_LONG") == "" && strings.HasPrefix(name, "hard/") && name != "hard/adhoc/stage2" {
			continue // 68,000 more records of the same shapes
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			decoders := map[string]*Decoder{}
			shapes := NewShapes()
			var arena change.Arena
			counts := map[Result]int{}
			refused := map[BadEvent]int{}
			for _, r := range capture(t, name) {
				d := decoders[r.Topic]
				if d == nil {
					d = NewDecoder(Options{Shapes: shapes})
					decoders[r.Topic] = d
				}
				var ev change.Event
				res, err := d.Decode(r.Key, r.Value, &arena, &ev)
				wantRes, want, wantErr := twin{}.decode(r.Key, r.Value)
				if diff := differ(res, err, &ev, wantRes, want, wantErr); diff != "" {
					t.Fatalf("%s %d: differs in %s (%v, %v)", r.Topic, r.Offset, diff, err, wantErr)
				}
				if err != nil {
					refused[*asBad(err)]++
				} else {
					counts[res]++
				}
				if arena.Size() > 1<<20 {
					arena.Reset()
				}
			}
			t.Logf("changes %d, tombstones %d, others %d, refused %v", counts[Change], counts[Tombstone], counts[NotChange], refused)
			for bad, n := range refused {
				if bad.Rule != RuleRange || n > 4 {
					t.Errorf("refused: %v %d", bad, n)
				}
			}
		})
	}
}

// TestShapesAreShared: one table's events have one pointer for their columns and
// one for their key, in all decoders that share a set.
func TestShapesAreShared(t *testing.T) {
	shapes := NewShapes()
	seen := map[string]*change.Shape{}
	var arena change.Arena
	decoders := map[string]*Decoder{}
	for i, r := range capture(t, "shop") {
		name := r.Topic + string(rune('0'+i%2)) // two decoders for each topic
		if decoders[name] == nil {
			decoders[name] = NewDecoder(Options{Shapes: shapes})
		}
		var ev change.Event
		if res, err := decoders[name].Decode(r.Key, r.Value, &arena, &ev); err != nil || res != Change {
			continue
		}
		for _, s := range []*change.Shape{ev.Shape, ev.KeyShape} {
			if s == nil {
				continue
			}
			text, _ := json.Marshal(s)
			if seen[string(text)] == nil {
				seen[string(text)] = s
			}
			if seen[string(text)] != s {
				t.Fatalf("%s: two pointers for %s", r.Topic, text)
			}
		}
	}
	if len(seen) < 26 {
		t.Errorf("only %d shapes", len(seen))
	}
}
