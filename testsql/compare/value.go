package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// normal gives equal values of a kind equal texts, however they are written.
// A text that is none of the kind stays as it is.
func (r rendering) normal(k kind, c Cell) Cell {
	if c.Null {
		return c
	}
	source := r.decode(k, c.Text)
	text, ok := source, true
	switch k.form {
	case asPadded:
		text = strings.TrimRight(source, " ")
	case asNumber:
		text, ok = normalNumber(source)
	case asMoney:
		text, ok = normalNumber(strings.NewReplacer("$", "", ",", "").Replace(source))
	case asFloat4:
		text, ok = normalFloat(source, 32)
	case asFloat8:
		text, ok = normalFloat(source, 64)
	case asBool:
		text, ok = normalBool(source)
	case asJSON:
		text, ok = normalJSON(source)
	case asTime:
		text = normalFraction(source)
	case asDate, asTimestamp:
		text = normalTimestamp(source)
	case asArray:
		text, ok = r.normalArray(*k.element, source)
	case asHstore:
		text, ok = normalHstore(source)
	case asBits:
		text, ok = normalBits(k.length, source)
	case asPoint:
		text, ok = normalPoint(source)
	case asInterval:
		text, ok = normalInterval(source)
	case asText, asBytes:
	}
	if !ok {
		return c
	}
	return Cell{Text: text}
}

// normal does so for values in the ordinary rendering.
func normal(k kind, c Cell) Cell { return rendering{}.normal(k, c) }

// maxExponent bounds the numbers that are calculated with: an exact 1e999999999
// would take all memory.
const maxExponent = 100_000

// specialNumbers are what Debezium calls numbers that are none.
var specialNumbers = map[string]string{"NAN": "NaN", "POSITIVE_INFINITY": "Infinity", "NEGATIVE_INFINITY": "-Infinity"}

// normalNumber writes a decimal exactly and without ornament.
func normalNumber(text string) (string, bool) {
	if special, found := specialNumbers[text]; found {
		return special, true
	}
	if _, exponent, found := strings.Cut(strings.ToLower(text), "e"); found {
		if n, err := strconv.Atoi(exponent); err != nil || n > maxExponent || n < -maxExponent {
			return "", false
		}
	}
	if strings.Contains(text, "/") {
		return "", false
	}
	number, ok := new(big.Rat).SetString(text)
	if !ok {
		return "", false
	}
	return number.RatString(), true
}

func normalFloat(text string, bits int) (string, bool) {
	number, err := strconv.ParseFloat(text, bits)
	if err != nil {
		return "", false
	}
	return strconv.FormatFloat(number, 'g', -1, bits), true
}

func normalBool(text string) (string, bool) {
	switch text {
	case "t", "true":
		return "true", true
	case "f", "false":
		return "false", true
	}
	return "", false
}

// normalTimestamp writes an instant in UTC: sessions run in UTC, so the zone
// says nothing; and a date is its midnight.
func normalTimestamp(text string) string {
	text, bc := strings.CutSuffix(text, " BC")
	if day, clock, iso := strings.Cut(text, "T"); iso { // a column that has become text
		text = day + " " + strings.TrimSuffix(clock, "Z")
	}
	text = normalFraction(strings.TrimSuffix(strings.TrimSuffix(text, "+00:00"), "+00"))
	text = strings.TrimSuffix(text, " 00:00:00")
	if bc {
		text += " BC"
	}
	return text
}

// normalFraction drops zeros at the end of a fraction of a second.
func normalFraction(text string) string {
	if !strings.Contains(text, ".") {
		return text
	}
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// normalJSON writes a JSON value with sorted members and exact numbers.
func normalJSON(text string) (string, bool) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil || decoder.More() {
		return "", false
	}
	var out bytes.Buffer
	writeJSON(&out, value)
	return out.String(), true
}

func writeJSON(out *bytes.Buffer, value any) {
	switch v := value.(type) {
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		out.WriteByte('{')
		for i, name := range names {
			if i > 0 {
				out.WriteByte(',')
			}
			fmt.Fprintf(out, "%q:", name)
			writeJSON(out, v[name])
		}
		out.WriteByte('}')
	case []any:
		out.WriteByte('[')
		for i, element := range v {
			if i > 0 {
				out.WriteByte(',')
			}
			writeJSON(out, element)
		}
		out.WriteByte(']')
	case json.Number:
		if text, ok := normalNumber(v.String()); ok {
			out.WriteString(text)
			return
		}
		out.WriteString(v.String())
	default: // a string, a boolean or null
		fmt.Fprintf(out, "%#v", v)
	}
}
