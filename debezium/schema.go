package debezium

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"metadb/change"
)

// codec says how the values of a column are read.
type codec uint8

const (
	asRaw codec = iota // any JSON, kept as it is
	asBool
	asInt2
	asInt4
	asInt8
	asDate
	asTimeMs
	asTimeUs
	asStampMs
	asStampUs
	asFloat4
	asFloat8
	asDecimal
	asVarDecimal
	asNumber // JSON number, exact, with the decimals it has
	asUUID
	asJSON
	asZonedStamp
	asZonedTime
	asText
	asBytes
	asBits
	asArray
	asMap
	asStruct
)

// types is the warehouse type that each codec writes.
var types = [...]change.Type{
	asRaw: change.JSONB, asBool: change.Bool, asInt2: change.Int2, asInt4: change.Int4, asInt8: change.Int8,
	asDate: change.Date, asTimeMs: change.Time, asTimeUs: change.Time,
	asStampMs: change.Timestamp, asStampUs: change.Timestamp,
	asFloat4: change.Float4, asFloat8: change.Float8,
	asDecimal: change.Numeric, asVarDecimal: change.Numeric, asNumber: change.Numeric,
	asUUID: change.UUID, asJSON: change.JSONB, asZonedStamp: change.TimestampTZ, asZonedTime: change.TimeTZ,
	asText: change.Text, asBytes: change.Bytea, asBits: change.Text,
	asArray: change.JSONB, asMap: change.JSONB, asStruct: change.JSONB,
}

// column is how one field of a row, or of a value inside it, is read.
type column struct {
	name  string
	codec codec
	note  string    // what it holds, for people
	scale int       // asDecimal: decimals; asBits: length
	point bool      // asStruct: a Point, Geometry or Geography
	elem  *column   // asArray: of the elements; asMap: of the values
	parts []*column // asStruct: its fields
}

// part is the field of a struct with this name, raw if the schema has none.
func (c *column) part(name []byte) *column {
	for _, p := range c.parts {
		if p.name == string(name) {
			return p
		}
	}
	return &rawColumn
}

var rawColumn = column{codec: asRaw}

// schemaNode is a Connect schema as the JSON converter writes it. Names count
// in their exact case only.
type schemaNode struct {
	Type       string                    `json:"type"`
	Name       string                    `json:"name"`
	Field      string                    `json:"field"`
	Parameters map[string]jsontext.Value `json:"parameters"`
	Fields     []schemaNode              `json:"fields"`
	Items      *schemaNode               `json:"items"`
	Keys       *schemaNode               `json:"keys"`
	Values     *schemaNode               `json:"values"`
}

// parseSchema reads a schema block.
func parseSchema(raw []byte) (*schemaNode, error) {
	var n schemaNode
	err := json.Unmarshal(raw, &n, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return nil, err
	}
	return &n, nil
}

// columnsOf reads the fields of a row's or a key's schema. ok is false if they
// cannot be the columns of a table.
func columnsOf(fields []schemaNode) (cols []column, ok bool) {
	cols = make([]column, len(fields))
	seen := make(map[string]bool, len(fields))
	for i := range fields {
		name := fields[i].Field
		if name == "" || seen[name] || strings.IndexByte(name, 0) >= 0 {
			return nil, false
		}
		seen[name] = true
		cols[i] = columnOf(&fields[i])
		cols[i].note = noteOf(&fields[i], &cols[i])
	}
	return cols, true
}

// columnOf maps a Connect type and its semantic name, of which the end counts.
// What it does not know is kept as it comes: one odd column must not stop a table.
func columnOf(n *schemaNode) column {
	c := column{name: n.Field, codec: asRaw}
	is := func(suffix string) bool { return strings.HasSuffix(n.Name, suffix) }
	switch n.Type {
	case "boolean":
		c.codec = asBool
	case "int8", "int16":
		c.codec = asInt2
	case "int32":
		switch {
		case is(".time.Date"):
			c.codec = asDate
		case is(".time.Time"):
			c.codec = asTimeMs
		default:
			c.codec = asInt4
		}
	case "int64":
		switch {
		case is(".time.MicroTime"):
			c.codec = asTimeUs
		case is(".time.Timestamp"):
			c.codec = asStampMs
		case is(".time.MicroTimestamp"):
			c.codec = asStampUs
		default:
			c.codec = asInt8
		}
	case "float", "float32":
		c.codec = asFloat4
	case "double", "float64":
		c.codec = asFloat8
	case "string":
		switch {
		case is(".data.Uuid"):
			c.codec = asUUID
		case is(".data.Json"):
			c.codec = asJSON
		case is(".time.ZonedTimestamp"):
			c.codec = asZonedStamp
		case is(".time.ZonedTime"):
			c.codec = asZonedTime
		default:
			c.codec = asText
		}
	case "bytes":
		switch {
		case is(".connect.data.Decimal"):
			if scale, ok := n.parameter("scale"); ok && scale >= minScale && scale <= maxScale {
				c.codec, c.scale = asDecimal, scale
			}
		case is(".data.Bits"):
			c.codec, c.scale = asBits, unknownLength
			if length, ok := n.parameter("length"); ok && length >= 0 && length <= maxBits {
				c.scale = length
			}
		default:
			c.codec = asBytes
		}
	case "array":
		return c.nest(asArray, n.Items)
	case "map":
		return c.nest(asMap, n.Values)
	case "struct":
		if is(".data.VariableScaleDecimal") {
			c.codec = asVarDecimal
			break
		}
		c.codec = asStruct
		c.point = is(".geometry.Point") || is(".geometry.Geometry") || is(".geometry.Geography")
		for i := range n.Fields {
			p := columnOf(&n.Fields[i])
			c.parts = append(c.parts, &p)
		}
	}
	return c
}

// nest gives a collection the column of what is in it.
func (c column) nest(as codec, inner *schemaNode) column {
	c.codec, c.elem = as, &rawColumn
	if inner != nil {
		e := columnOf(inner)
		c.elem = &e
	}
	return c
}

// parameter is a schema parameter as a number; Connect writes it as a string.
func (n *schemaNode) parameter(name string) (int, bool) {
	text := strings.Trim(string(n.Parameters[name]), `"`)
	v, err := strconv.Atoi(text)
	return v, err == nil
}
