package debezium

import (
	"encoding/binary"

	"metadb/change"
)

// values turns single values of a record into fields of a tuple. Its buffers
// are used again for every value.
type values struct {
	missing  *placeholders
	dirty    bool // the record at hand holds invalid UTF-8
	repaired bool // the value at hand was repaired

	number []byte  // digits
	bytes  []byte  // decoded base64
	chars  []byte  // unescaped text
	scaled *object // members of a VariableScaleDecimal
	point  *object // members of a Point or Geometry
}

func newValues(placeholder string) values {
	return values{
		missing: newPlaceholders(placeholder),
		scaled:  newObject("scale", "value"),
		point:   newObject("x", "y", "wkb"),
	}
}

// append appends the field of one column: its length and its value in
// PostgreSQL's binary form.
func (v *values) append(dst change.Tuple, b []byte, s span, c *column) (change.Tuple, Rule) {
	switch {
	case s.kind <= null:
		return change.AppendNull(dst), ""
	case v.isMissing(b, s, c):
		return change.AppendUnavailable(dst), ""
	}
	head := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst, rule := v.appendValue(dst, b, s, c)
	if rule != "" {
		return dst[:head], rule
	}
	binary.BigEndian.PutUint32(dst[head:], uint32(len(dst)-head-4))
	return dst, ""
}

// isMissing says that the value is a form of the placeholder. Columns that
// cannot be TOASTed never have it.
func (v *values) isMissing(b []byte, s span, c *column) bool {
	switch c.codec {
	case asText, asJSON, asBytes, asDecimal:
		return (s.kind == str || s.kind == strEsc) && v.missing.isString(s.of(b))
	case asArray:
		return s.kind == arrayVal && v.missing.isArray(s.of(b))
	case asMap:
		return s.kind == objectVal && v.missing.isMap(s.of(b))
	case asStruct:
		return c.point && s.kind == objectVal && v.missing.isPoint(v.point, s.of(b))
	case asRaw:
		switch {
		case s.isString():
			return v.missing.isString(s.of(b))
		case s.kind == arrayVal:
			return v.missing.isArray(s.of(b))
		case s.kind == objectVal:
			return v.missing.isMap(s.of(b))
		}
	default:
	}
	return false
}

// appendValue appends a value that is neither null nor missing.
func (v *values) appendValue(dst []byte, b []byte, s span, c *column) ([]byte, Rule) {
	switch c.codec {
	case asBool:
		switch s.kind {
		case trueLit:
			return append(dst, 1), ""
		case falseLit:
			return append(dst, 0), ""
		default:
			return dst, RuleType
		}
	case asInt2, asInt4, asInt8, asDate, asTimeMs, asTimeUs, asStampMs, asStampUs:
		n, rule := v.integer(b, s, c.codec)
		if rule != "" {
			return dst, rule
		}
		switch types[c.codec] {
		case change.Int2:
			return binary.BigEndian.AppendUint16(dst, uint16(n)), ""
		case change.Int4, change.Date:
			return binary.BigEndian.AppendUint32(dst, uint32(n)), ""
		default:
			return binary.BigEndian.AppendUint64(dst, uint64(n)), ""
		}
	case asFloat4:
		f, rule := v.float(b, s, 32)
		return binary.BigEndian.AppendUint32(dst, float32Bits(f)), rule
	case asFloat8:
		f, rule := v.float(b, s, 64)
		return binary.BigEndian.AppendUint64(dst, float64Bits(f)), rule
	case asDecimal:
		return v.appendDecimal(dst, b, s, c)
	case asVarDecimal, asNumber:
		f, rule := v.decimal(b, s, c)
		if rule != "" {
			return dst, rule
		}
		return f.appendNumeric(dst)
	case asArray, asMap, asStruct, asRaw:
		return v.render(append(dst, 1), b, s, c)
	default:
		return v.appendString(dst, b, s, c)
	}
}

// appendString appends a value that comes as a string.
func (v *values) appendString(dst []byte, b []byte, s span, c *column) ([]byte, Rule) {
	switch {
	case !s.isString():
		return dst, RuleType
	case c.codec == asText:
		dst, v.repaired = appendText(dst, s.of(b), s.kind, v.dirty)
		return dst, ""
	case c.codec == asJSON:
		return v.appendDocument(append(dst, 1), b, s), ""
	}
	text := v.plain(b, s)
	switch c.codec {
	case asUUID:
		return appendUUID(dst, text)
	case asZonedStamp:
		us, rule := parseZonedStamp(text)
		return binary.BigEndian.AppendUint64(dst, uint64(us)), rule
	case asZonedTime:
		us, west, rule := parseZonedTime(text)
		dst = binary.BigEndian.AppendUint64(dst, uint64(us))
		return binary.BigEndian.AppendUint32(dst, uint32(west)), rule
	case asBits:
		var rule Rule
		if v.bytes, rule = appendBase64(v.bytes[:0], text); rule != "" {
			return dst, rule
		}
		return appendBits(dst, v.bytes, c.scale)
	default: // asBytes
		return appendBase64(dst, text)
	}
}

// appendDocument appends the text of a JSON document, repaired where jsonb
// would refuse it. It is not parsed: the warehouse does.
func (v *values) appendDocument(dst []byte, b []byte, s span) []byte {
	from := len(dst)
	dst, v.repaired = appendText(dst, s.of(b), s.kind, v.dirty)
	if s.kind == strDoc || s.kind == strU {
		if repairDocument(dst[from:]) {
			v.repaired = true
		}
	}
	return dst
}

// plain is the text of a string that holds no free text, valid until the next
// call. Characters that need repair fit no format, so they need no count.
func (v *values) plain(b []byte, s span) []byte {
	if s.kind == str {
		return s.of(b)
	}
	v.chars, _ = appendText(v.chars[:0], s.of(b), s.kind, true)
	return v.chars
}

// integer reads the codecs that come as an integer; dates and times in
// PostgreSQL's units.
func (v *values) integer(b []byte, s span, as codec) (n int64, rule Rule) {
	if s.kind != number {
		return 0, RuleType
	}
	if n, rule = parseInt(s.of(b)); rule != "" {
		return 0, rule
	}
	switch as {
	case asInt2:
		if n != int64(int16(n)) {
			return 0, RuleRange
		}
	case asInt4:
		if n != int64(int32(n)) {
			return 0, RuleRange
		}
	case asDate:
		days, rule := daysOf(n)
		return int64(days), rule
	case asTimeMs:
		return clockOf(n, 1000, msPerDay)
	case asTimeUs:
		return clockOf(n, 1, usPerDay)
	case asStampMs:
		return stampOfMillis(n)
	case asStampUs:
		return stampOfMicros(n)
	default:
	}
	return n, ""
}

func (v *values) float(b []byte, s span, width int) (float64, Rule) {
	switch {
	case s.kind == number:
		return parseFloat(s.of(b), width)
	case s.isString():
		return floatWord(v.plain(b, s))
	}
	return 0, RuleType
}

// appendDecimal appends a Decimal; most fit a machine word.
func (v *values) appendDecimal(dst []byte, b []byte, s span, c *column) ([]byte, Rule) {
	if s.kind == str && s.end-s.off <= 12 && c.scale >= 0 { // at most 9 bytes
		var rule Rule
		if v.bytes, rule = appendBase64(v.bytes[:0], s.of(b)); rule != "" {
			return dst, rule
		}
		if n := len(v.bytes); n > 0 && n <= 8 {
			neg, _, low := magnitude(v.bytes)
			if low <= (1<<64-1)/1000 {
				return appendSmallNumeric(dst, neg, low, c.scale), ""
			}
		}
	}
	f, rule := v.decimal(b, s, c)
	if rule != "" {
		return dst, rule
	}
	return f.appendNumeric(dst)
}

// decimal reads every codec of an exact number. The result is valid until the
// next call.
func (v *values) decimal(b []byte, s span, c *column) (f fixed, rule Rule) {
	scale := c.scale
	if c.codec == asVarDecimal {
		if s.kind != objectVal {
			return f, RuleType
		}
		in := s.of(b)
		v.scaled.reset()
		v.scaled.scan(in, 0, 1)
		if v.scaled.out[0].kind != number {
			return f, RuleType
		}
		n, rule := parseInt(v.scaled.out[0].of(in))
		if rule != "" {
			return f, rule
		}
		if n < minScale || n > maxScale {
			return f, RuleRange
		}
		b, s, scale = in, v.scaled.out[1], int(n)
	}
	switch {
	case s.kind == number:
		var d decimal
		if d, v.number, rule = parseDecimal(v.number, s.of(b)); rule != "" {
			return f, rule
		}
		if c.codec == asNumber {
			f, rule = d.natural()
		} else {
			f, rule = d.withScale(max(scale, 0))
		}
		v.number = f.digits
		return f, rule
	case s.isString() && c.codec != asNumber:
		if v.bytes, rule = appendBase64(v.bytes[:0], v.plain(b, s)); rule != "" {
			return f, rule
		}
		f, v.number, rule = fromBytes(v.number, v.bytes, scale)
		return f, rule
	}
	return f, RuleType
}
