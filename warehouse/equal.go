package warehouse

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"metadb/change"
)

// equalRows says whether an event's row leaves a stored row unchanged: every
// value equal as PostgreSQL compares values of that type, an unavailable one
// counting as equal. Both rows have the table's columns.
func equalRows(columns []change.Column, event, stored change.Tuple) bool {
	if bytes.Equal(event, stored) {
		return true
	}
	for i := range columns {
		var a, b []byte
		var na, nb int32
		a, na, event = event.Next()
		b, nb, stored = stored.Next()
		switch {
		case na == change.Unavailable:
		case na == change.Null || nb == change.Null:
			if na != nb {
				return false
			}
		case !equalValues(columns[i].Type, a, b):
			return false
		}
	}
	return true
}

// equalValues compares two values of one type, neither NULL.
func equalValues(t change.Type, a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	switch t {
	case change.Numeric:
		return bytes.Equal(appendNumericKey(nil, a), appendNumericKey(nil, b))
	case change.Float4:
		x := math.Float32frombits(binary.BigEndian.Uint32(a))
		y := math.Float32frombits(binary.BigEndian.Uint32(b))
		return x == y || x != x && y != y
	case change.Float8:
		x := math.Float64frombits(binary.BigEndian.Uint64(a))
		y := math.Float64frombits(binary.BigEndian.Uint64(b))
		return x == y || x != x && y != y
	case change.JSONB:
		return equalJSON(a[1:], b[1:])
	default:
		return false
	}
}

// appendKeyValue appends a key value in a form that is equal, as bytes, for
// values that are equal to PostgreSQL.
func appendKeyValue(dst []byte, t change.Type, v []byte) []byte {
	switch t {
	case change.Numeric:
		return appendNumericKey(dst, v)
	case change.Float4:
		return appendText(dst, t, binary.BigEndian.AppendUint32(nil, math.Float32bits(math.Float32frombits(binary.BigEndian.Uint32(v))+0)))
	case change.Float8:
		return appendText(dst, t, binary.BigEndian.AppendUint64(nil, math.Float64bits(math.Float64frombits(binary.BigEndian.Uint64(v))+0)))
	case change.JSONB:
		if doc, ok := parseJSON(v[1:]); ok {
			if text, err := json.Marshal(doc); err == nil {
				return append(dst, text...)
			}
		}
	default: // has but one form for each value
	}
	return append(dst, v...)
}

// equalJSON compares two documents as jsonb does: member order and blanks are
// free, the last of two equal members counts, numbers are exact decimals.
func equalJSON(a, b []byte) bool {
	x, ok := parseJSON(a)
	if !ok {
		return false
	}
	y, ok := parseJSON(b)
	return ok && equalDocuments(x, y)
}

// parseJSON reads a document into maps, slices and strings; numbers become
// decimalNumber values in one normal form.
func parseJSON(text []byte) (any, bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var doc any
	if err := d.Decode(&doc); err != nil {
		return nil, false
	}
	return normalNumbers(doc), true
}

func normalNumbers(doc any) any {
	switch v := doc.(type) {
	case json.Number:
		return json.Number(normalNumber(string(v)))
	case map[string]any:
		for k := range v {
			v[k] = normalNumbers(v[k])
		}
	case []any:
		for i := range v {
			v[i] = normalNumbers(v[i])
		}
	}
	return doc
}

// normalNumber writes a JSON number as digits without outer zeros and an
// exponent, so that 1, 1.0 and 10e-1 become one text. Nothing is computed with
// the value itself: an exponent may be absurd.
func normalNumber(n string) string {
	sign := ""
	if rest, ok := strings.CutPrefix(n, "-"); ok {
		sign, n = "-", rest
	}
	exponent := 0
	if i := strings.IndexAny(n, "eE"); i >= 0 {
		e, err := strconv.Atoi(strings.TrimPrefix(n[i+1:], "+"))
		if err != nil {
			return sign + n
		}
		n, exponent = n[:i], e
	}
	whole, fraction, _ := strings.Cut(n, ".")
	exponent -= len(fraction)
	digits := strings.TrimLeft(whole+fraction, "0")
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return "0"
	}
	return sign + short + "e" + strconv.Itoa(exponent+len(digits)-len(short))
}

func equalDocuments(x, y any) bool {
	switch a := x.(type) {
	case map[string]any:
		b, ok := y.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			w, ok := b[k]
			if !ok || !equalDocuments(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := y.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equalDocuments(a[i], b[i]) {
				return false
			}
		}
		return true
	}
	return x == y
}
