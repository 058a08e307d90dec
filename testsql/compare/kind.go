package compare

import (
	"strconv"
	"strings"
)

// form is how a value is written and which of its writings are equal.
type form uint8

const (
	asText form = iota
	asPadded
	asNumber
	asMoney
	asFloat4
	asFloat8
	asBool
	asJSON
	asDate
	asTime
	asTimestamp
	asArray
	asHstore
	asBits
	asBytes
	asPoint
	asInterval
)

// kind is what a type of the source tells about its values.
type kind struct {
	form    form
	element *kind // of an array
	decimal bool  // a number that is sent as bytes
	scale   int   // decimals of such a number
	digits  int   // decimals of a second, 6 when the type does not say
	length  int   // of a bit string
}

// kindOf classifies a type of the source.  What is not known here is compared
// as text, enums, domains, ranges and network addresses among them; so is time
// with time zone, whose offset counts.
func kindOf(sqlType string) kind {
	if element, found := strings.CutSuffix(sqlType, "[]"); found {
		k := kindOf(element)
		return kind{form: asArray, element: &k}
	}
	base, rest, _ := strings.Cut(sqlType, "(")
	modifiers, suffix, _ := strings.Cut(rest, ")")
	first, second := modifierPair(modifiers)
	switch base + suffix {
	case "smallint", "integer", "bigint", "oid":
		return kind{form: asNumber}
	case "numeric":
		return kind{form: asNumber, decimal: true, scale: second}
	case "money":
		return kind{form: asMoney, decimal: true, scale: 2}
	case "character":
		return kind{form: asPadded}
	case "boolean":
		return kind{form: asBool}
	case "json", "jsonb":
		return kind{form: asJSON}
	case "real":
		return kind{form: asFloat4}
	case "double precision":
		return kind{form: asFloat8}
	case "date":
		return kind{form: asDate}
	case "time without time zone":
		return kind{form: asTime, digits: secondDigits(modifiers, first)}
	case "timestamp without time zone", "timestamp with time zone":
		return kind{form: asTimestamp, digits: secondDigits(modifiers, first)}
	case "hstore":
		return kind{form: asHstore}
	case "bit", "bit varying":
		return kind{form: asBits, length: first}
	case "bytea":
		return kind{form: asBytes}
	case "point":
		return kind{form: asPoint}
	case "interval":
		return kind{form: asInterval}
	}
	return kind{form: asText}
}

// modifierPair reads the numbers of numeric(10,2) or bit(8).
func modifierPair(text string) (first, second int) {
	one, two, _ := strings.Cut(text, ",")
	first, _ = strconv.Atoi(one)  // 0 when there is none
	second, _ = strconv.Atoi(two) // likewise
	return first, second
}

func secondDigits(modifiers string, n int) int {
	if modifiers == "" {
		return 6
	}
	return n
}
