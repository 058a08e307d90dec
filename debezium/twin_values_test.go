package debezium

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func noNUL(s string) string { return strings.ReplaceAll(s, "\x00", "\ufffd") }

func twinPlaceholder(s string) bool {
	return s == DefaultPlaceholder || s == base64.StdEncoding.EncodeToString([]byte(DefaultPlaceholder)) ||
		s == hex.EncodeToString([]byte(DefaultPlaceholder))
}

var twinForms = map[string]bool{
	`["__debezium_unavailable_value"]`:             true,
	`["X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="]`: true,
	`[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,118,97,108,117,101]`: true,
	`{"__debezium_unavailable_value":"__debezium_unavailable_value"}`:                                         true,
}

// canonical is the JSON of a tree with sorted members, numbers as written.
func canonical(v any) string {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "error " + err.Error()
	}
	return strings.TrimSpace(buf.String())
}

func twinInt64(v any) (int64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	b, err := twinInt(string(n))
	if err != nil || !b.IsInt64() {
		return 0, false
	}
	return b.Int64(), true
}

var exponent = regexp.MustCompile(`[eE]([+-]?\d+)$`)

func twinRat(s string) (*big.Rat, error) {
	if m := exponent.FindStringSubmatch(s); m != nil {
		e, ok := new(big.Int).SetString(strings.TrimPrefix(m[1], "+"), 10)
		if !ok || e.CmpAbs(big.NewInt(131072)) > 0 {
			return nil, errTwin
		}
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil, errTwin
	}
	return r, nil
}

func twinInt(s string) (*big.Int, error) {
	r, err := twinRat(s)
	if err != nil || !r.IsInt() {
		return nil, errTwin
	}
	return r.Num(), nil
}

// twinScaled is a rational with exactly scale decimals.
func twinScaled(r *big.Rat, scale int) (string, error) {
	p := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	r = new(big.Rat).Mul(r, new(big.Rat).SetInt(p))
	if !r.IsInt() {
		return "", errTwin
	}
	return twinFixed(r.Num(), scale)
}

func twinFixed(n *big.Int, scale int) (string, error) {
	if scale < 0 {
		n = new(big.Int).Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-scale)), nil))
		scale = 0
	}
	s := new(big.Int).Abs(n).String()
	if len(s)-scale > 131072 || scale > 16383 {
		return "", errTwin
	}
	if len(s) <= scale {
		s = strings.Repeat("0", scale-len(s)+1) + s
	}
	if scale > 0 {
		s = s[:len(s)-scale] + "." + s[len(s)-scale:]
	}
	if n.Sign() < 0 {
		s = "-" + s
	}
	return s, nil
}

// twinGroups is the number of base-10000 digits of a decimal.
func twinGroups(s string) int {
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	all := strings.Repeat("0", (4-len(whole)%4)%4) + whole + fraction + strings.Repeat("0", (4-len(fraction)%4)%4)
	n, first, last := len(all)/4, 0, 0
	for first = 0; first < n && all[4*first:4*first+4] == "0000"; first++ {
	}
	for last = n; last > first && all[4*last-4:4*last] == "0000"; last-- {
	}
	return last - first
}

// twinNatural is a number with the decimals that it is written with.
func twinNatural(s string) (string, error) {
	r, err := twinRat(s)
	if err != nil {
		return "", err
	}
	decimals := 0
	mantissa := s
	if m := exponent.FindStringSubmatchIndex(s); m != nil {
		e, _ := strconv.Atoi(s[m[2]:m[3]])
		decimals, mantissa = -e, s[:m[0]]
	}
	if i := strings.IndexByte(mantissa, '.'); i >= 0 {
		decimals += len(mantissa) - i - 1
	}
	return twinScaled(r, max(0, decimals))
}

func twinBase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errTwin
	}
	return base64.StdEncoding.Strict().DecodeString(s)
}

func twinUnscaled(s string) (*big.Int, error) {
	b, err := twinBase64(s)
	if err != nil || len(b) == 0 {
		return nil, errTwin
	}
	n := new(big.Int).SetBytes(b)
	if b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n, nil
}

func twinType(n map[string]any) (string, string) {
	t, _ := n["type"].(string)
	name, _ := n["name"].(string)
	return t, name
}

// column is one typed value as "type text".
func (tw twin) column(n map[string]any, v any) (string, error) {
	t, name := twinType(n)
	pg := map[string]string{
		"boolean": "boolean", "int8": "smallint", "int16": "smallint", "int32": "integer", "int64": "bigint",
		"float": "real", "float32": "real", "double": "double precision", "float64": "double precision", "string": "text", "bytes": "bytea",
	}[t]
	if pg == "" {
		pg = "jsonb"
	}
	for suffix, as := range map[string]string{
		"int32.time.Date": "date", "int32.time.Time": "time without time zone", "int64.time.MicroTime": "time without time zone",
		"int64.time.Timestamp": "timestamp without time zone", "int64.time.MicroTimestamp": "timestamp without time zone",
		"string.data.Uuid": "uuid", "string.data.Json": "jsonb", "string.time.ZonedTimestamp": "timestamp with time zone",
		"string.time.ZonedTime": "time with time zone", "bytes.connect.data.Decimal": "numeric", "bytes.data.Bits": "text",
		"struct.data.VariableScaleDecimal": "numeric",
	} {
		if want, end, _ := strings.Cut(suffix, "."); t == want && strings.HasSuffix(name, "."+end) {
			pg = as
		}
	}
	if v == nil {
		return pg + " NULL", nil
	}
	if s, ok := v.(string); ok && twinPlaceholder(s) && (pg == "text" && t == "string" || pg == "jsonb" && t == "string" || pg == "bytea" || pg == "numeric") {
		return pg + " UNAVAILABLE", nil
	}
	if (t == "array" || t == "map") && twinForms[canonical(v)] {
		return pg + " UNAVAILABLE", nil
	}
	if pg == "jsonb" && t == "string" {
		s, ok := v.(string)
		if !ok {
			return "", errTwin
		}
		return "jsonb " + twinDocument(noNUL(s)), nil
	}
	tree, err := tw.tree(n, v)
	if err != nil {
		return "", err
	}
	if pg == "jsonb" {
		return "jsonb " + canonical(tree), nil
	}
	switch x := tree.(type) {
	case string:
		return pg + " " + x, nil
	case json.Number:
		if pg == "numeric" && twinGroups(string(x)) > 3000 {
			return "", errTwin
		}
		if pg == "real" || pg == "double precision" {
			width := 64
			if pg == "real" {
				width = 32
			}
			f, _ := strconv.ParseFloat(string(x), width)
			return pg + " " + strconv.FormatFloat(f, 'g', -1, width), nil
		}
		return pg + " " + string(x), nil
	}
	return fmt.Sprint(pg, " ", tree), nil
}

// twinDocument is a JSON document as jsonb would read it after repair.
func twinDocument(s string) string {
	v, err := twinJSON([]byte(s))
	if err != nil {
		return "malformed"
	}
	return canonical(twinKeep(v))
}

// twinKeep is a tree without NUL.
func twinKeep(v any) any {
	switch v := v.(type) {
	case string:
		return noNUL(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = twinKeep(v[i])
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[noNUL(k)] = twinKeep(e)
		}
		return out
	}
	return v
}

// tree is one value as JSON: what stands in an array, and for scalars the text.
func (tw twin) tree(n map[string]any, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	t, name := twinType(n)
	is := func(s string) bool { return strings.HasSuffix(name, s) }
	switch t {
	case "boolean":
		if b, ok := v.(bool); ok {
			return b, nil
		}
		return nil, errTwin
	case "int8", "int16", "int32", "int64":
		return tw.integer(t, is, v)
	case "float", "double", "float32", "float64":
		return tw.float(t, v)
	case "string":
		s, ok := v.(string)
		if !ok {
			return nil, errTwin
		}
		return tw.text(is, noNUL(s))
	case "bytes":
		return tw.bytes(n, is, v)
	case "array":
		list, ok := v.([]any)
		if !ok {
			return nil, errTwin
		}
		out := make([]any, len(list))
		for i, e := range list {
			var err error
			if out[i], err = tw.tree(obj(n["items"]), e); err != nil {
				return nil, err
			}
		}
		return out, nil
	case "struct":
		return tw.structure(n, is, v)
	case "map":
		if list, ok := v.([]any); ok {
			return tw.tree(nil, list)
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil, errTwin
		}
		out := map[string]any{}
		for k, e := range m {
			var err error
			if out[noNUL(k)], err = tw.tree(obj(n["values"]), e); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return tw.raw(v)
}

func (tw twin) raw(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		_, err := twinNatural(string(v))
		return v, err
	case string:
		return noNUL(v), nil
	case []any:
		return tw.tree(map[string]any{"type": "array"}, v)
	case map[string]any:
		return tw.tree(map[string]any{"type": "map"}, v)
	}
	return v, nil
}

func (tw twin) structure(n map[string]any, is func(string) bool, v any) (any, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errTwin
	}
	if is(".data.VariableScaleDecimal") {
		scale, ok := twinInt64(m["scale"])
		if !ok || scale < -1000 || scale > 16383 {
			return nil, errTwin
		}
		return tw.decimal(int(scale), m["value"])
	}
	out := map[string]any{}
	for k, e := range m {
		var node map[string]any
		fields, _ := n["fields"].([]any)
		for _, f := range fields {
			if obj(f)["field"] == k {
				node = obj(f)
			}
		}
		var err error
		if out[noNUL(k)], err = tw.tree(node, e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (tw twin) decimal(scale int, v any) (any, error) {
	var text string
	var err error
	switch v := v.(type) {
	case string:
		var u *big.Int
		if u, err = twinUnscaled(v); err == nil {
			text, err = twinFixed(u, scale)
		}
	case json.Number:
		var r *big.Rat
		if r, err = twinRat(string(v)); err == nil {
			text, err = twinScaled(r, max(scale, 0))
		}
	default:
		err = errTwin
	}
	return json.Number(text), err
}

func (tw twin) bytes(n map[string]any, is func(string) bool, v any) (any, error) {
	param := func(name string) int {
		s, _ := obj(n["parameters"])[name].(string)
		i, _ := strconv.Atoi(s)
		return i
	}
	if is(".connect.data.Decimal") {
		return tw.decimal(param("scale"), v)
	}
	s, ok := v.(string)
	if !ok {
		return nil, errTwin
	}
	b, err := twinBase64(s)
	if err != nil {
		return nil, err
	}
	if !is(".data.Bits") {
		return s, nil
	}
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	text := new(big.Int).SetBytes(b).Text(2)
	if text == "0" {
		text = ""
	}
	if len(text) > param("length") {
		return nil, errTwin
	}
	return strings.Repeat("0", param("length")-len(text)) + text, nil
}

func (tw twin) integer(t string, is func(string) bool, v any) (any, error) {
	i, ok := twinInt64(v)
	if !ok {
		return nil, errTwin
	}
	width := map[string]int{"int8": 16, "int16": 16, "int32": 32, "int64": 64}[t]
	switch {
	case t == "int32" && is(".time.Date"):
		switch i {
		case -2147472692:
			return "infinity", nil
		case -2147472691:
			return "-infinity", nil
		}
		if i < -2440588 || i > 2145042905 {
			return nil, errTwin
		}
		return twinDate(time.Unix(i*86400, 0).UTC(), ""), nil
	case t == "int32" && is(".time.Time"), t == "int64" && is(".time.MicroTime"):
		if t == "int32" {
			if i > 86400000 {
				return nil, errTwin
			}
			i *= 1000
		}
		if i < 0 || i > 86400000000 {
			return nil, errTwin
		}
		return twinClock(i), nil
	case t == "int64" && (is(".time.Timestamp") || is(".time.MicroTimestamp")):
		us := big.NewInt(i)
		if is(".time.Timestamp") {
			us.Mul(us, big.NewInt(1000))
		}
		switch us.String() {
		case "9223372036825200000":
			return "infinity", nil
		case "-9223372036832400000":
			return "-infinity", nil
		}
		sec, rem := new(big.Int).DivMod(us, big.NewInt(1000000), new(big.Int))
		return twinStamp(time.Unix(sec.Int64(), rem.Int64()*1000).UTC(), "")
	}
	if b := big.NewInt(i); width < 64 && (b.Cmp(big.NewInt(-1<<(width-1))) < 0 || b.Cmp(big.NewInt(1<<(width-1)-1)) > 0) {
		return nil, errTwin
	}
	return json.Number(strconv.FormatInt(i, 10)), nil
}

func twinDate(t time.Time, tail string) string {
	y, era := t.Year(), ""
	if y <= 0 {
		y, era = 1-y, " BC"
	}
	return fmt.Sprintf("%04d-%02d-%02d%s%s", y, t.Month(), t.Day(), tail, era)
}

func twinClock(us int64) string {
	s := fmt.Sprintf("%02d:%02d:%02d", us/3600000000, us/60000000%60, us/1000000%60)
	if us%1000000 == 0 {
		return s
	}
	return s + "." + strings.TrimRight(fmt.Sprintf("%06d", us%1000000), "0")
}

func twinStamp(t time.Time, zone string) (string, error) {
	if t.Before(time.Date(-4713, 11, 24, 0, 0, 0, 0, time.UTC)) || !t.Before(time.Date(294277, 1, 1, 0, 0, 0, 0, time.UTC)) {
		return "", errTwin
	}
	us := int64(t.Hour()*3600+t.Minute()*60+t.Second())*1000000 + int64(t.Nanosecond()/1000)
	return twinDate(t, " "+twinClock(us)+zone), nil
}

func (tw twin) float(t string, v any) (any, error) {
	width := map[string]int{"float": 32, "float32": 32, "double": 64, "float64": 64}[t]
	switch v := v.(type) {
	case json.Number:
		f, err := strconv.ParseFloat(string(v), width)
		mantissa, _, _ := strings.Cut(strings.ToLower(string(v)), "e")
		if err != nil || f == 0 && strings.ContainsAny(mantissa, "123456789") {
			return nil, errTwin
		}
		return v, nil
	case string:
		if f, ok := map[string]string{"NaN": "NaN", "Infinity": "Infinity", "-Infinity": "-Infinity"}[v]; ok {
			return f, nil
		}
	}
	return nil, errTwin
}

var (
	isoStamp = regexp.MustCompile(`^([+-]?\d{4,9})-(\d\d)-(\d\d)T([^Z+-]+)(Z|[+-].*)$`)
	isoClock = regexp.MustCompile(`^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?$`)
	isoZone  = regexp.MustCompile(`^([+-])(\d\d)(?::(\d\d)(?::(\d\d))?)?$`)
	isoUUID  = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// twinTime is the microseconds of a time of day and the seconds east of a zone.
func twinTime(clock, zone string) (us, east int64, err error) {
	c := isoClock.FindStringSubmatch(clock)
	if c == nil || atoi(c[2]) > 59 || atoi(c[3]) > 59 {
		return 0, 0, errTwin
	}
	r, _ := new(big.Rat).SetString("0." + c[4] + "0")
	r.Mul(r, big.NewRat(1000000, 1))
	micro, _ := strconv.ParseFloat(r.FloatString(40), 64)
	us = int64(atoi(c[1])*3600+atoi(c[2])*60+atoi(c[3]))*1000000 + int64(math.RoundToEven(micro))
	if us > 86400000000 {
		return 0, 0, errTwin
	}
	if zone == "Z" {
		return us, 0, nil
	}
	z := isoZone.FindStringSubmatch(zone)
	if z == nil || atoi(z[2]) > 15 || atoi(z[3]) > 59 || atoi(z[4]) > 59 {
		return 0, 0, errTwin
	}
	east = int64(atoi(z[2])*3600 + atoi(z[3])*60 + atoi(z[4]))
	if z[1] == "-" {
		east = -east
	}
	return us, east, nil
}

func (tw twin) text(is func(string) bool, s string) (any, error) {
	switch {
	case is(".data.Uuid"):
		if !isoUUID.MatchString(s) {
			return nil, errTwin
		}
		return strings.ToLower(s), nil
	case is(".data.Json"):
		return twinJSON([]byte(s))
	case is(".time.ZonedTimestamp"):
		if s == "infinity" || s == "-infinity" {
			return s, nil
		}
		m := isoStamp.FindStringSubmatch(s)
		if m == nil {
			return nil, errTwin
		}
		us, east, err := twinTime(m[4], m[5])
		day := time.Date(atoi(strings.TrimPrefix(m[1], "+")), time.Month(atoi(m[2])), atoi(m[3]), 0, 0, 0, 0, time.UTC)
		if err != nil || int(day.Month()) != atoi(m[2]) || day.Day() != atoi(m[3]) {
			return nil, errTwin
		}
		t := time.Unix(day.Unix()+us/1000000-east, us%1000000*1000).UTC()
		return twinStamp(t, "+00")
	case is(".time.ZonedTime"):
		i := strings.IndexAny(s, "Z+-")
		if i < 0 {
			return nil, errTwin
		}
		us, east, err := twinTime(s[:i], s[i:])
		if err != nil {
			return nil, err
		}
		return twinClock(us) + twinZone(east), nil
	}
	return s, nil
}

func twinZone(east int64) string {
	sign := "+"
	if east < 0 {
		sign, east = "-", -east
	}
	s := fmt.Sprintf("%s%02d", sign, east/3600)
	if east%3600 != 0 {
		s += fmt.Sprintf(":%02d", east/60%60)
	}
	if east%60 != 0 {
		s += fmt.Sprintf(":%02d", east%60)
	}
	return s
}
