package debezium

import "math"

// maxExponent bounds the exponent of a number before anything is computed with
// it: PostgreSQL's numeric ends there.
const maxExponent = 131072

// decimal is an exact number: digits, without leading zeros, times a power of
// ten. No digits are zero.
type decimal struct {
	neg    bool
	digits []byte
	exp    int
}

// parseDecimal splits a JSON number. Its digits are in buf, which must be kept
// for the next call.
func parseDecimal(buf, tok []byte) (d decimal, keep []byte, rule Rule) {
	buf = buf[:0]
	i := 0
	if tok[0] == '-' {
		d.neg = true
		i++
	}
	point := false
	for ; i < len(tok); i++ {
		c := tok[i]
		if c == '.' {
			point = true
			continue
		}
		if c-'0' > 9 {
			break
		}
		if point {
			d.exp--
		}
		if c != '0' || len(buf) > 0 {
			buf = append(buf, c)
		}
	}
	if i < len(tok) { // e or E
		i++
		neg := tok[i] == '-'
		if neg || tok[i] == '+' {
			i++
		}
		e := 0
		for ; i < len(tok); i++ {
			if e = e*10 + int(tok[i]-'0'); e > maxExponent {
				return d, buf, RuleRange
			}
		}
		if neg {
			e = -e
		}
		d.exp += e
	}
	d.digits = buf
	if len(buf) == 0 {
		d.neg = false
	}
	return d, buf, ""
}

// trim moves trailing zeros into the exponent.
func (d *decimal) trim() {
	n := len(d.digits)
	for n > 0 && d.digits[n-1] == '0' {
		n--
	}
	d.exp += len(d.digits) - n
	d.digits = d.digits[:n]
}

// parseInt is the exact integer that a JSON number stands for. 1e3 and 1.0 are
// integers, 1.5 is not.
func parseInt(tok []byte) (int64, Rule) {
	i := 0
	neg := tok[0] == '-'
	if neg {
		i++
	}
	if n := len(tok) - i; n > 18 {
		return parseLongInt(tok)
	}
	var v int64
	for ; i < len(tok); i++ {
		c := tok[i] - '0'
		if c > 9 {
			return parseLongInt(tok)
		}
		v = v*10 + int64(c)
	}
	if neg {
		return -v, ""
	}
	return v, ""
}

func parseLongInt(tok []byte) (int64, Rule) {
	var room [64]byte
	d, _, rule := parseDecimal(room[:], tok)
	if rule != "" {
		return 0, rule
	}
	d.trim()
	if len(d.digits) == 0 {
		return 0, ""
	}
	if d.exp < 0 {
		return 0, RuleType
	}
	if len(d.digits)+d.exp > 19 {
		return 0, RuleRange
	}
	var v uint64
	for _, c := range d.digits {
		v = v*10 + uint64(c-'0')
	}
	for range d.exp {
		v *= 10
	}
	switch {
	case !d.neg && v <= math.MaxInt64:
		return int64(v), ""
	case d.neg && v <= 1<<63:
		return -int64(v), ""
	}
	return 0, RuleRange
}

// isInteger says that a JSON number is written without fraction and exponent.
func isInteger(tok []byte) bool {
	for _, c := range tok {
		if c == '.' || c == 'e' || c == 'E' {
			return false
		}
	}
	return true
}
