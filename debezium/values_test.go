package debezium

import (
	"fmt"
	"strings"
	"testing"

	"metadb/change"
)

func fieldRecord(schema, value string) []byte {
	return []byte(`{"schema":{"type":"struct","fields":[{"type":"struct","field":"after","fields":[{"field":"v",` + schema + `}]}]},"payload":{"op":"c","source":{"schema":"s","table":"t","ts_ms":1},"after":{"v":` + value + `}}}`)
}

// TestValues decodes every case and asks the twin as well.
func TestValues(t *testing.T) {
	for _, c := range valueCases {
		var arena change.Arena
		var ev change.Event
		record := fieldRecord(c.schema, c.json)
		_, err := NewDecoder(Options{}).Decode(nil, record, &arena, &ev)
		if c.bad != "" {
			bad := asBad(err)
			if bad == nil || bad.Rule != c.bad || bad.Column != "v" {
				t.Errorf("%s %s: got %v, want %s", c.schema, c.json, err, c.bad)
			}
			if err != nil && strings.Contains(err.Error(), c.json) && len(c.json) > 3 {
				t.Errorf("%s: the error holds the value", c.json)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s %s: %v", c.schema, c.json, err)
			continue
		}
		if got := show(ev.Shape, ev.Row)["v"]; got != c.want {
			t.Errorf("%s %s:\n got %s\nwant %s", c.schema, c.json, got, c.want)
		}
		replaced := strings.Contains(c.want, "\ufffd")
		if (ev.Repaired == 1) != replaced {
			t.Errorf("%s: %d repaired", c.json, ev.Repaired)
		}
	}
}

// twinKnows is false for forms that the twin was not told of.
func (c valueCase) twinKnows() bool {
	if strings.Contains(c.schema, "2147483647") {
		return false
	}
	special := c.schema == sPoint || c.schema == sGeometry || strings.Contains(c.json, "-")
	return !special || !strings.Contains(c.want, "UNAVAILABLE")
}

// TestValuesAgainstTwin: the twin, too, says what the table says.
func TestValuesAgainstTwin(t *testing.T) {
	for _, c := range valueCases {
		if !c.twinKnows() {
			continue
		}
		_, ev, err := twin{}.decode(nil, fieldRecord(c.schema, c.json))
		if (err != nil) != (c.bad != "") {
			t.Errorf("%s %s: %v", c.schema, c.json, err)
		} else if err == nil && ev.row["v"] != c.want {
			t.Errorf("%s %s:\n twin %s\n want %s", c.schema, c.json, ev.row["v"], c.want)
		}
	}
}

// TestLongNumbers: numeric's own limits.
func TestLongNumbers(t *testing.T) {
	nines := strings.Repeat("9", 11992) // with the fraction 2999 groups
	scale := fmt.Sprintf(`"type":"bytes","name":"x.connect.data.Decimal","parameters":{"scale":"%d"}`, maxScale)
	for _, c := range []valueCase{
		{sDecimal, nines, "numeric " + nines + ".00", ""},
		{sDecimal, nines + "999999999", "", RuleRange},
		{sDecimal, strings.Repeat("9", 131073), "", RuleRange},
		{sDecimal, "1e131071", "numeric 1" + strings.Repeat("0", 131071) + ".00", ""},
		{sDecimal, "1e131072", "", RuleRange},
		{scale, "1e-16383", "numeric 0." + strings.Repeat("0", 16382) + "1", ""},
		{scale, "1e-16384", "", RuleRange},
	} {
		var arena change.Arena
		var ev change.Event
		_, err := NewDecoder(Options{}).Decode(nil, fieldRecord(c.schema, c.json), &arena, &ev)
		if c.bad != "" {
			if bad := asBad(err); bad == nil || bad.Rule != c.bad {
				t.Errorf("%.20s: %v", c.json, err)
			}
			continue
		}
		if err != nil || show(ev.Shape, ev.Row)["v"] != c.want {
			t.Errorf("%.20s: %v, wrong value", c.json, err)
		}
	}
}
