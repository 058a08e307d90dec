package debezium

import (
	"strconv"
	"unicode/utf8"
)

// render appends the JSON of an array, a map, a struct or an unknown value: the
// same members and elements, each scalar in the exact form of its own type.
func (v *values) render(dst []byte, b []byte, s span, c *column) ([]byte, Rule) {
	if s.kind == null {
		return append(dst, "null"...), ""
	}
	switch c.codec {
	case asArray:
		if s.kind != arrayVal {
			return dst, RuleType
		}
		return v.renderArray(dst, b, s, c.elem)
	case asMap:
		switch s.kind {
		case objectVal:
			return v.renderObject(dst, b, s, c)
		case arrayVal: // the pairs of a map without string keys
			return v.renderArray(dst, b, s, &rawColumn)
		default:
			return dst, RuleType
		}
	case asStruct:
		if s.kind != objectVal {
			return dst, RuleType
		}
		return v.renderObject(dst, b, s, c)
	case asRaw:
		return v.renderRaw(dst, b, s)
	default:
		return v.renderScalar(dst, b, s, c)
	}
}

func (v *values) renderRaw(dst []byte, b []byte, s span) ([]byte, Rule) {
	switch s.kind {
	case arrayVal:
		return v.renderArray(dst, b, s, &rawColumn)
	case objectVal:
		return v.renderObject(dst, b, s, &rawColumn)
	case number:
		return v.renderNumber(dst, s.of(b))
	case trueLit, falseLit:
		return append(dst, s.of(b)...), ""
	default:
		return v.renderString(dst, s.of(b), s.kind), ""
	}
}

// renderNumber keeps the number as it is written, if numeric can hold it.
func (v *values) renderNumber(dst, tok []byte) ([]byte, Rule) {
	if len(tok) > 18 || !isInteger(tok) {
		d, keep, rule := parseDecimal(v.number, tok)
		v.number = keep
		if rule == "" && (len(d.digits)+d.exp > maxIntDigits || -d.exp > maxScale) {
			rule = RuleRange
		}
		if rule != "" {
			return dst, rule
		}
	}
	return append(dst, tok...), ""
}

func (v *values) renderArray(dst []byte, b []byte, s span, elem *column) ([]byte, Rule) {
	dst = append(dst, '[')
	i := blanks(b, int(s.off)+1)
	for n := 0; b[i] != ']'; n++ {
		if n > 0 {
			i = blanks(b, i+1)
			dst = append(dst, ',')
		}
		end, k := scanValue(b, i, 0)
		var rule Rule
		if dst, rule = v.render(dst, b, valueSpan(i, end, k), elem); rule != "" {
			return dst, rule
		}
		i = blanks(b, end)
	}
	return append(dst, ']'), ""
}

// renderObject renders the members in the order in which they came.
func (v *values) renderObject(dst []byte, b []byte, s span, c *column) ([]byte, Rule) {
	dst = append(dst, '{')
	i := blanks(b, int(s.off)+1)
	for n := 0; b[i] != '}'; n++ {
		if n > 0 {
			i = blanks(b, i+1)
			dst = append(dst, ',')
		}
		end, k := scanString(b, i)
		name := b[i+1 : end-1]
		dst = append(v.renderString(dst, name, k), ':')
		var inner *column
		switch c.codec {
		case asStruct:
			if k != str {
				v.chars = appendName(v.chars[:0], name)
				name = v.chars
			}
			inner = c.part(name)
		case asRaw:
			inner = &rawColumn
		default:
			inner = c.elem
		}
		i = blanks(b, blanks(b, end)+1)
		end, k = scanValue(b, i, 0)
		var rule Rule
		if dst, rule = v.render(dst, b, valueSpan(i, end, k), inner); rule != "" {
			return dst, rule
		}
		i = blanks(b, end)
	}
	return append(dst, '}'), ""
}

// renderString appends a string with its quotes. What stands between them is
// already JSON and is copied, unless something in it may need repair.
func (v *values) renderString(dst, s []byte, k kind) []byte {
	dst = append(dst, '"')
	if k == strU || v.dirty && !utf8.Valid(s) {
		var repaired bool
		v.chars, repaired = appendRepaired(v.chars[:0], s, true)
		v.repaired = v.repaired || repaired
		dst = appendEscaped(dst, v.chars)
	} else {
		dst = append(dst, s...)
	}
	return append(dst, '"')
}

// appendEscaped appends the inside of the JSON string of valid UTF-8.
func appendEscaped(dst, text []byte) []byte {
	const letters = "btn?fr" // of the control characters from \b to \r
	const hex = "0123456789abcdef"
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= ' ':
			dst = append(dst, c)
		case c >= '\b' && c <= '\r' && c != '\v':
			dst = append(dst, '\\', letters[c-'\b'])
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

// renderScalar renders one value of a known scalar type: numbers and booleans
// as such, dates and times in PostgreSQL's text form, bytes as they came.
func (v *values) renderScalar(dst []byte, b []byte, s span, c *column) ([]byte, Rule) {
	switch c.codec {
	case asBool:
		if s.kind != trueLit && s.kind != falseLit {
			return dst, RuleType
		}
		return append(dst, s.of(b)...), ""
	case asInt2, asInt4, asInt8, asDate, asTimeMs, asTimeUs, asStampMs, asStampUs:
		n, rule := v.integer(b, s, c.codec)
		if rule != "" {
			return dst, rule
		}
		return appendIntegerJSON(dst, n, c.codec), ""
	case asFloat4, asFloat8:
		return v.renderFloat(dst, b, s, c)
	case asDecimal, asVarDecimal, asNumber:
		f, rule := v.decimal(b, s, c)
		if rule != "" {
			return dst, rule
		}
		return f.appendNumber(dst), ""
	default:
	}
	switch {
	case !s.isString():
		return dst, RuleType
	case c.codec == asText:
		return v.renderString(dst, s.of(b), s.kind), ""
	case c.codec == asJSON:
		return v.renderDocument(dst, b, s)
	}
	return v.renderFormatted(dst, b, s, c)
}

func (v *values) renderFloat(dst []byte, b []byte, s span, c *column) ([]byte, Rule) {
	width := 64
	if c.codec == asFloat4 {
		width = 32
	}
	if _, rule := v.float(b, s, width); rule != "" {
		return dst, rule
	}
	if s.kind == number {
		return v.renderNumber(dst, s.of(b))
	}
	dst = append(append(dst, '"'), v.plain(b, s)...)
	return append(dst, '"'), ""
}

// renderDocument puts a JSON document into the JSON around it. Here it must be
// valid, or it would break what stands around it.
func (v *values) renderDocument(dst []byte, b []byte, s span) ([]byte, Rule) {
	from, before := len(dst), v.repaired
	dst = v.appendDocument(dst, b, s)
	v.repaired = v.repaired || before
	doc := dst[from:]
	i := blanks(doc, 0)
	end, _ := scanValue(doc, i, 0)
	if end < 0 || blanks(doc, end) != len(doc) {
		return dst[:from], RuleFormat
	}
	return dst, ""
}

// renderFormatted renders what comes as a string in a fixed form.
func (v *values) renderFormatted(dst []byte, b []byte, s span, c *column) ([]byte, Rule) {
	text := v.plain(b, s)
	dst = append(dst, '"')
	var rule Rule
	switch c.codec {
	case asUUID:
		if v.bytes, rule = appendUUID(v.bytes[:0], text); rule == "" {
			dst = appendLower(dst, text)
		}
	case asZonedStamp:
		var us int64
		if us, rule = parseZonedStamp(text); rule == "" {
			dst = appendStampText(dst, us, "+00")
		}
	case asZonedTime:
		var us int64
		var west int32
		if us, west, rule = parseZonedTime(text); rule == "" {
			dst = appendZoneText(appendClock(dst, us), west)
		}
	case asBits:
		if v.bytes, rule = appendBase64(v.bytes[:0], text); rule == "" {
			dst, rule = appendBits(dst, v.bytes, c.scale)
		}
	default: // asBytes
		if v.bytes, rule = appendBase64(v.bytes[:0], text); rule == "" {
			dst = append(dst, text...)
		}
	}
	return append(dst, '"'), rule
}

func appendLower(dst, s []byte) []byte {
	for _, c := range s {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// appendIntegerJSON appends an integer, or the date or time that it is, quoted.
func appendIntegerJSON(dst []byte, n int64, as codec) []byte {
	switch as {
	case asDate:
		return append(appendDateText(append(dst, '"'), int32(n)), '"')
	case asTimeMs, asTimeUs:
		return append(appendClock(append(dst, '"'), n), '"')
	case asStampMs, asStampUs:
		return append(appendStampText(append(dst, '"'), n, ""), '"')
	default:
		return strconv.AppendInt(dst, n, 10)
	}
}
