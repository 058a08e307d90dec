package debezium

import (
	"encoding/base64"
	"encoding/json"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var exponent = regexp.MustCompile(`[eE]([+-]?\d+)$`)

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
