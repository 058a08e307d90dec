package debezium

import (
	"fmt"
	"strings"
	"testing"

	"metadb/change"
)

// TestSource reads the source block's place and marks.
func TestSource(t *testing.T) {
	base := change.Event{Op: change.Create, Schema: "s", Table: "t", TsMs: 5}
	for _, c := range []struct {
		name, source string
		set          func(*change.Event)
		bad          string
	}{
		{"least", `"ts_ms":5`, func(*change.Event) {}, ""},
		{"snapshot null", `"ts_ms":5,"snapshot":null`, func(*change.Event) {}, ""},
		{"snapshot true", `"ts_ms":5,"snapshot":"true"`, func(e *change.Event) { e.Snapshot = change.InSnapshot }, ""},
		{"snapshot as boolean", `"ts_ms":5,"snapshot":true`, func(e *change.Event) { e.Snapshot = change.InSnapshot }, ""},
		{"first", `"ts_ms":5,"snapshot":"first"`, func(e *change.Event) { e.Snapshot = change.FirstOfSnapshot }, ""},
		{"first of table", `"ts_ms":5,"snapshot":"first_in_data_collection"`, func(e *change.Event) { e.Snapshot = change.FirstOfTable }, ""},
		{"last of table", `"ts_ms":5,"snapshot":"last_in_data_collection"`, func(e *change.Event) { e.Snapshot = change.LastOfTable }, ""},
		{"last", `"ts_ms":5,"snapshot":"last"`, func(e *change.Event) { e.Snapshot = change.LastOfSnapshot }, ""},
		{"incremental", `"ts_ms":5,"snapshot":"incremental","lsn":null,"txId":null,"sequence":"[\"4\",\"8\"]"`, func(e *change.Event) {
			e.Snapshot, e.Pos = change.Incremental, change.Position{CommitLSN: 4, HasCommit: true}
		}, ""},
		{"position", `"ts_ms":5,"lsn":74467280,"txId":3709,"sequence":"[\"74467000\",\"74467280\"]"`, func(e *change.Event) {
			e.Pos = change.Position{LSN: 74467280, CommitLSN: 74467000, TxID: 3709, HasLSN: true, HasCommit: true}
		}, ""},
		{"first transaction", `"ts_ms":5,"lsn":8,"sequence":"[null,\"8\"]"`, func(e *change.Event) {
			e.Pos = change.Position{LSN: 8, HasLSN: true}
		}, ""},
		{"odd sequence", `"ts_ms":5,"sequence":"[\"a\",\"8\"]"`, func(*change.Event) {}, ""},
		{"no time", `"ts_ms":null`, nil, "source.ts_ms"},
		{"time as text", `"ts_ms":"5"`, nil, "source.ts_ms"},
		{"no table", `"ts_ms":5,"table":null`, nil, "source.table"},
		{"broken name", `"ts_ms":5,"table":"\ud800"`, nil, "source.table"},
		{"schema is a number", `"ts_ms":5,"schema":3`, nil, "source.schema"},
		{"no schema", `"ts_ms":5,"schema":null`, func(e *change.Event) { e.Schema = "" }, ""},
		{"escapes", `"ts_ms":5,"schema":"a\"b","table":"\u00e9"`, func(e *change.Event) { e.Schema, e.Table = `a"b`, "é" }, ""},
		{"damaged name stays", `"ts_ms":5,"table":"Rￃﾩgion"`, func(e *change.Event) { e.Table = "Rￃﾩgion" }, ""},
	} {
		value := `{"schema":` + tableSchema + `,"payload":{"after":{},"source":{"schema":"s","table":"t",` + c.source + `},"op":"c"}}`
		ev, text := decoded(t, NewDecoder(Options{}), "", value)
		if c.bad != "" {
			if text != "bad source "+c.bad {
				t.Errorf("%s: %s", c.name, text)
			}
			continue
		}
		want := base
		c.set(&want)
		got := ev
		got.Shape, got.Row = nil, nil
		if fmt.Sprint(got) != fmt.Sprint(want) || !strings.HasPrefix(text, "change") {
			t.Errorf("%s: %s\n got %+v\nwant %+v", c.name, text, got, want)
		}
	}
}
