package compare

import "strings"

// kind is how values of a type are compared.
type kind uint8

const (
	asText kind = iota
	asPadded
	asNumber
	asMoney
	asFloat4
	asFloat8
	asBool
	asJSON
	asTime
	asTimestamp
)

// kindOf classifies a type of the source.  Simple are those that every consumer
// must get right, enums and domains among them: user-defined
// types, which carry the name of a schema.
func kindOf(sqlType string) (k kind, simple bool) {
	base, _, _ := strings.Cut(sqlType, "(")
	if strings.HasSuffix(sqlType, "[]") {
		return asText, false
	}
	switch {
	case strings.HasPrefix(sqlType, "timestamp"):
		return asTimestamp, true
	case sqlType == "time with time zone":
		return asText, false
	case strings.HasPrefix(sqlType, "time"):
		return asTime, true
	}
	switch base {
	case "smallint", "integer", "bigint", "numeric":
		return asNumber, true
	case "text", "character varying", "uuid":
		return asText, true
	case "character":
		return asPadded, true
	case "boolean":
		return asBool, true
	case "json", "jsonb":
		return asJSON, true
	case "date":
		return asTimestamp, true
	case "real":
		return asFloat4, false
	case "double precision":
		return asFloat8, false
	case "money":
		return asMoney, false
	case "oid":
		return asNumber, false
	}
	return asText, strings.Contains(sqlType, ".")
}
