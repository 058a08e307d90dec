package debezium

import "metadb/change"

// maxNames bounds the table names kept for a topic.
const maxNames = 256

// names gives the strings of schema and table names without a new one per event.
type names struct {
	last    [3]string
	known   map[string]string
	scratch []byte
}

// of is the text of a scanned string. which is 0 for schemas, 1 for tables, 2 for connectors. ok
// is false if the text cannot be a name.
func (n *names) of(b []byte, s span, which int, dirty bool) (name string, ok bool) {
	text := s.of(b)
	if s.kind != str || dirty {
		var repaired bool
		n.scratch, repaired = appendText(n.scratch[:0], text, s.kind, dirty)
		if repaired {
			return "", false
		}
		text = n.scratch
	}
	if n.last[which] == string(text) {
		return n.last[which], true
	}
	name, found := n.known[string(text)]
	if !found {
		if n.known == nil || len(n.known) >= maxNames {
			n.known = make(map[string]string)
		}
		name = string(text)
		n.known[name] = name
	}
	n.last[which] = name
	return name, true
}

// marks is Debezium's spelling of the snapshot marks.
var marks = map[string]change.Snapshot{
	"true":                     change.InSnapshot,
	"first":                    change.FirstOfSnapshot,
	"first_in_data_collection": change.FirstOfTable,
	"last_in_data_collection":  change.LastOfTable,
	"last":                     change.LastOfSnapshot,
	"incremental":              change.Incremental,
}

// readSource fills what the source block says: the table, the time and the
// place in the source's order. All that can be read is filled also when it is bad.
func (d *Decoder) readSource(value []byte, ev *change.Event) *BadEvent {
	out := d.envelope.source.out
	bad := (*BadEvent)(nil)
	if s := out[sourceSchema]; s.isString() {
		name, ok := d.names.of(value, s, 0, d.envelope.dirty)
		if !ok {
			bad = badEvent(RuleSource, "source.schema")
		}
		ev.Schema = name
	} else if s.kind > null {
		bad = badEvent(RuleSource, "source.schema")
	}
	if s := out[sourceTable]; s.isString() {
		name, ok := d.names.of(value, s, 1, d.envelope.dirty)
		if !ok || name == "" {
			bad = badEvent(RuleSource, "source.table")
		}
		ev.Table = name
	} else {
		bad = badEvent(RuleSource, "source.table")
	}
	if s := out[sourceName]; s.isString() {
		ev.Connector, _ = d.names.of(value, s, 2, d.envelope.dirty)
	}
	if s := out[sourceSnapshot]; s.isString() {
		ev.Snapshot = marks[string(s.of(value))]
	} else if s.kind == trueLit { // before Debezium 1.5
		ev.Snapshot = change.InSnapshot
	}
	if n, ok := integerAt(value, out[sourceTs]); ok {
		ev.TsMs = n
	} else {
		bad = badEvent(RuleSource, "source.ts_ms")
	}
	if n, ok := integerAt(value, out[sourceTx]); ok {
		ev.Pos.TxID = n
	}
	if n, ok := integerAt(value, out[sourceLSN]); ok && n >= 0 {
		ev.Pos.LSN, ev.Pos.HasLSN = uint64(n), true
	}
	if s := out[sourceSequence]; s.isString() {
		ev.Pos.CommitLSN, ev.Pos.HasCommit = commitOf(d.values.plain(value, s))
	}
	return bad
}

// integerAt is the integer at a span. Other connectors than PostgreSQL's put
// other things into some fields; those are not for us.
func integerAt(b []byte, s span) (int64, bool) {
	if s.kind != number {
		return 0, false
	}
	n, rule := parseInt(s.of(b))
	return n, rule == ""
}

// commitOf reads the first half of source.sequence: ["123","456"] or [null,"456"].
func commitOf(text []byte) (lsn uint64, ok bool) {
	var half [2]span
	i := blanks(text, 0)
	if i >= len(text) || text[i] != '[' {
		return 0, false
	}
	for n := range half {
		i = blanks(text, i+1)
		end, k := scanValue(text, i, 0)
		if end < 0 {
			return 0, false
		}
		half[n] = valueSpan(i, end, k)
		i = blanks(text, end)
		if i >= len(text) || text[i] != ",]"[n] {
			return 0, false
		}
	}
	if blanks(text, i+1) != len(text) || half[0].kind != str || half[1].kind != str {
		return 0, false
	}
	if _, ok = parseUint(half[1].of(text)); !ok {
		return 0, false
	}
	return parseUint(half[0].of(text))
}

// parseUint reads decimal digits.
func parseUint(s []byte) (v uint64, ok bool) {
	if len(s) == 0 || len(s) > 19 { // an lsn has less
		return 0, false
	}
	for _, c := range s {
		if c-'0' > 9 {
			return 0, false
		}
		v = v*10 + uint64(c-'0')
	}
	return v, true
}
