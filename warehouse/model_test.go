package warehouse

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"metadb/change"
)

// model is what the warehouse must hold: the rules of one event at a time, on
// rows as text.
type model struct{ rows []modelRow }

type modelRow struct {
	start, end int64
	key        string
	values     []string // as text; absent: \N
}

const open = int64(-1)

// current is the index of the key's current row; -1 for none.
func (m *model) current(key string) int {
	for i, r := range m.rows {
		if r.key == key && r.end == open {
			return i
		}
	}
	return -1
}

// put applies a row event; missing values were not sent.
func (m *model) put(ts int64, key string, values []string) {
	i := m.current(key)
	full := append([]string(nil), values...)
	same := i >= 0
	for c, v := range values {
		if v == missing {
			full[c] = `\N`
			if i >= 0 {
				full[c] = m.rows[i].values[c]
			}
			continue
		}
		same = same && sameValue(c, v, m.rows[i].values[c])
	}
	if same {
		return
	}
	for _, r := range m.rows {
		if r.key == key {
			ts = max(ts, r.start, r.end)
		}
	}
	if i >= 0 {
		m.rows[i].end = ts
	}
	m.rows = append(m.rows, modelRow{start: ts, end: open, key: key, values: full})
}

func (m *model) remove(ts int64, key string) {
	if i := m.current(key); i >= 0 {
		m.rows[i].end = max(ts, m.rows[i].start)
	}
}

func (m *model) truncate(ts int64) {
	for i := range m.rows {
		if m.rows[i].end == open {
			m.rows[i].end = max(ts, m.rows[i].start)
		}
	}
}

func (m *model) lines() []string {
	var lines []string
	for _, r := range m.rows {
		for i, v := range r.values {
			r.values[i] = stored(v)
		}
		end := "now"
		if r.end != open {
			end = strconv.FormatInt(r.end, 10)
		}
		lines = append(lines, fmt.Sprintf("%d|%s|%s|%s", r.start, end, r.key, strings.Join(r.values, "|")))
	}
	return lines
}

const missing = "not sent"

// Values of the model's columns, and which of them PostgreSQL takes for equal.
var (
	modelShape  = shapeOf("a", change.Int4, "b", change.Text, "n", change.Numeric, "j", change.JSONB, "r", change.Float4, "t", change.Text)
	modelKey    = shapeOf("a", change.Int4, "b", change.Text)
	modelValues = [][]string{
		{`\N`, "1.5", "1.50", "-7", "0"},
		{`\N`, `{"a": 1, "b": [1, 2]}`, `{"b": [1, 2], "a": 1}`, `{"a": 1.0, "b": [1, 2]}`, `"x"`, missing},
		{`\N`, "0.1", "-0", "0", "NaN"},
		{`\N`, "", "x", "long " + strings.Repeat("y", 3000), missing},
	}
)

func sameValue(column int, a, b string) bool {
	if a == b {
		return true
	}
	class := func(v string) string {
		switch v {
		case "1.50":
			return "1.5"
		case `{"b": [1, 2], "a": 1}`, `{"a": 1.0, "b": [1, 2]}`:
			return `{"a": 1, "b": [1, 2]}`
		case "-0":
			return "0"
		}
		return v
	}
	return column != 3 && class(a) == class(b)
}

// stored is how PostgreSQL prints a value.
func stored(v string) string {
	switch v {
	case `{"b": [1, 2], "a": 1}`:
		return `{"a": 1, "b": [1, 2]}`
	}
	return v
}

// TestModel compares random sequences, cut into random batches by appliers that
// are replaced between them, with the model. RAPID_CHECKS sets how many.
func TestModel(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	table, lsn := 0, uint64(0)
	rapid.Check(t, func(rt *rapid.T) {
		table++
		to := &change.Target{Schema: "model", Table: fmt.Sprintf("t%d", table)}
		events, want := drawEvents(rt, to, func() uint64 { lsn++; return lsn })
		for len(events) > 0 {
			size := rapid.IntRange(1, len(events)).Draw(rt, "batch")
			if _, _, err := a.Apply(t.Context(), f.batch(events[:size]...)); err != nil {
				rt.Fatalf("apply: %v", err)
			}
			events = events[size:]
			if rapid.IntRange(0, 9).Draw(rt, "restart") == 0 {
				a.Close(t.Context())
				a = f.applier()
			}
		}
		var got []string
		if len(want) > 0 {
			got = f.history(to.Schema+"."+to.Table+"__", "n::text, j::text, r::text, t")
			keys := f.lines("SELECT a || ',' || b FROM " + to.Schema + "." + to.Table + "__ ORDER BY __id")
			for i := range got {
				part := strings.SplitN(got[i], "|", 3)
				got[i] = part[0] + "|" + part[1] + "|" + keys[i] + "|" + part[2]
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("(-model +warehouse):\n%s", diff)
		}
	})
}

// drawEvents draws a sequence and what the model makes of it. Some events lack
// the last columns, which then are NULL.
func drawEvents(rt *rapid.T, to *change.Target, nextLSN func() uint64) ([]change.Event, []string) {
	var m model
	var events []change.Event
	ts := int64(1_600_000_000_000)
	onlyShort := true // no event has made the last columns yet
	short := &change.Shape{Columns: modelShape.Columns[:4]}
	for range rapid.IntRange(1, 30).Draw(rt, "events") {
		ts += rapid.Int64Range(-1, 3).Draw(rt, "ms")
		a, b := rapid.IntRange(1, 2).Draw(rt, "a"), rapid.SampledFrom([]string{"", "k"}).Draw(rt, "b")
		key := fmt.Sprintf("%d,%s", a, b)
		e := change.Event{TsMs: ts, Target: to, KeyShape: modelKey, Pos: change.Position{LSN: nextLSN(), HasLSN: true}}
		switch kind := rapid.IntRange(0, 19).Draw(rt, "kind"); {
		case kind == 0:
			e.Op, e.KeyShape = change.Truncate, nil
			m.truncate(ts)
		case kind < 4:
			e.Op, e.Key = change.Delete, rawTuple(modelKey, strconv.Itoa(a), b)
			m.remove(ts, key)
		default:
			e.Op, e.Shape = change.Update, modelShape
			values := make([]string, len(modelValues))
			for i, choices := range modelValues {
				values[i] = rapid.SampledFrom(choices).Draw(rt, "value")
			}
			if kind == 4 && !onlyShort {
				e.Shape, values[2], values[3] = short, `\N`, `\N`
			}
			onlyShort = false
			e.Row = rawTuple(e.Shape, append([]string{strconv.Itoa(a), b}, values...)...)
			e.Key = rawTuple(modelKey, strconv.Itoa(a), b)
			m.put(ts, key, values)
		}
		events = append(events, e)
	}
	return events, m.lines()
}

// rawTuple encodes values given as text; those beyond the shape are left out.
func rawTuple(s *change.Shape, values ...string) change.Tuple {
	var out change.Tuple
	for i, c := range s.Columns {
		var v []byte
		switch values[i] {
		case `\N`:
			out = change.AppendNull(out)
			continue
		case missing:
			out = change.AppendUnavailable(out)
			continue
		}
		switch c.Type {
		case change.Int4:
			n, _ := strconv.Atoi(values[i])
			v = int32Bytes(int32(n))
		case change.Numeric:
			v, _ = appendNumeric(nil, values[i])
		case change.Float4:
			n, _ := strconv.ParseFloat(values[i], 32)
			v = binary.BigEndian.AppendUint32(nil, math.Float32bits(float32(n)))
		case change.JSONB:
			v = append([]byte{1}, values[i]...)
		default:
			v = []byte(values[i])
		}
		out = change.AppendField(out, v)
	}
	return out
}
