package debezium

import (
	"encoding/binary"
	"math/big"
	"math/bits"
)

// Limits of PostgreSQL's numeric.
const (
	maxIntDigits = 131072 // before the decimal point
	maxScale     = 16383  // after it
	minScale     = -1000  // of a declared type: whole thousands and the like
	maxMagnitude = 61500  // bytes of the longest integer that can be in range
	maxGroups    = 3000   // base-10000 digits that its binary form may have
)

var pow10 = [...]uint64{1, 10, 100, 1000}

// fixed is a decimal with a fixed number of decimals: digits / 10^scale. No
// digits are zero.
type fixed struct {
	neg    bool
	digits []byte
	scale  int
}

// withScale gives d exactly scale decimals. A decimal that has more is refused
// unless they are zeros.
func (d decimal) withScale(scale int) (fixed, Rule) {
	f := fixed{neg: d.neg, digits: d.digits, scale: scale}
	if len(f.digits) == 0 {
		return f, ""
	}
	shift := d.exp + scale
	if len(f.digits)+d.exp > maxIntDigits {
		return f, RuleRange
	}
	for ; shift > 0; shift-- {
		f.digits = append(f.digits, '0')
	}
	for ; shift < 0; shift++ {
		last := len(f.digits) - 1
		if last < 0 || f.digits[last] != '0' {
			return f, RuleRange
		}
		f.digits = f.digits[:last]
	}
	return f, ""
}

// natural gives d the decimals that PostgreSQL gives to the same number as text.
func (d decimal) natural() (fixed, Rule) {
	scale := max(0, -d.exp)
	if scale > maxScale {
		return fixed{}, RuleRange
	}
	return d.withScale(scale)
}

// appendNumeric appends f in numeric's binary form: number of base-10000 digits,
// weight of the first, sign, decimals, digits; without zero digits at the ends.
func (f fixed) appendNumeric(dst []byte) ([]byte, Rule) {
	if len(f.digits) == 0 {
		return binary.BigEndian.AppendUint64(dst, uint64(f.scale)), ""
	}
	fraction := (f.scale + 3) / 4
	total := len(f.digits) + fraction*4 - f.scale
	groups := (total + 3) / 4
	var sign uint16
	if f.neg {
		sign = 0x4000
	}
	head := len(dst)
	dst = appendNumericHead(dst, 0, groups-1-fraction, sign, f.scale)
	significant := len(dst)
	i := 0
	for n := total - (groups-1)*4; i < total; n = 4 {
		v := uint16(0)
		for range n {
			v *= 10
			if i < len(f.digits) {
				v += uint16(f.digits[i] - '0')
			}
			i++
		}
		dst = binary.BigEndian.AppendUint16(dst, v)
		if v != 0 {
			significant = len(dst)
		}
	}
	n := (significant - head - 8) / 2
	if n > maxGroups {
		return dst[:head], RuleRange
	}
	binary.BigEndian.PutUint16(dst[head:], uint16(n))
	return dst[:significant], ""
}

func appendNumericHead(dst []byte, n, weight int, sign uint16, scale int) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	dst = binary.BigEndian.AppendUint16(dst, uint16(int16(weight)))
	dst = binary.BigEndian.AppendUint16(dst, sign)
	return binary.BigEndian.AppendUint16(dst, uint16(scale))
}

// appendSmallNumeric is appendNumeric for a value that fits a machine word also
// when it is moved to a multiple of four decimals: v at most 2^64/1000.
func appendSmallNumeric(dst []byte, neg bool, v uint64, scale int) []byte {
	if v == 0 {
		return binary.BigEndian.AppendUint64(dst, uint64(scale))
	}
	fraction := (scale + 3) / 4
	v *= pow10[fraction*4-scale]
	low := 0 // power of 10000 of the lowest digit that is not zero
	for v%10000 == 0 {
		v /= 10000
		low++
	}
	var g [5]uint16
	n := 0
	for ; v != 0; v /= 10000 {
		g[n] = uint16(v % 10000)
		n++
	}
	var sign uint16
	if neg {
		sign = 0x4000
	}
	dst = appendNumericHead(dst, n, n-1+low-fraction, sign, scale)
	for n--; n >= 0; n-- {
		dst = binary.BigEndian.AppendUint16(dst, g[n])
	}
	return dst
}

// appendNumber appends f as JSON, which jsonb keeps with all its decimals.
func (f fixed) appendNumber(dst []byte) []byte {
	if f.neg {
		dst = append(dst, '-')
	}
	whole := len(f.digits) - f.scale
	if whole <= 0 {
		dst = append(dst, '0')
	} else {
		dst = append(dst, f.digits[:whole]...)
	}
	if f.scale == 0 {
		return dst
	}
	dst = append(dst, '.')
	for ; whole < 0; whole++ {
		dst = append(dst, '0')
	}
	return append(dst, f.digits[whole:]...)
}

// magnitude reads a big-endian two's complement of at most 16 bytes.
func magnitude(b []byte) (neg bool, hi, lo uint64) {
	neg = b[0]&0x80 != 0
	if neg {
		hi, lo = ^uint64(0), ^uint64(0)
	}
	for _, c := range b {
		hi, lo = hi<<8|lo>>56, lo<<8|uint64(c)
	}
	if neg {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	return neg, hi, lo
}

// appendMagnitude appends the decimal digits of a 128-bit integer.
func appendMagnitude(dst []byte, hi, lo uint64) []byte {
	const chunk = 1e19
	var parts [3]uint64
	top, rest := hi/chunk, hi%chunk
	mid, low := bits.Div64(rest, lo, chunk)
	parts[0], parts[1] = bits.Div64(top, mid, chunk)
	parts[2] = low
	from := len(dst)
	for _, p := range parts {
		var room [19]byte
		for i := 18; i >= 0; i-- {
			room[i] = byte('0' + p%10)
			p /= 10
		}
		i := 0
		if len(dst) == from {
			for i < 19 && room[i] == '0' {
				i++
			}
		}
		dst = append(dst, room[i:]...)
	}
	return dst
}

// fromBytes is the decimal of a two's complement of any length.
func fromBytes(buf, b []byte, scale int) (f fixed, keep []byte, rule Rule) {
	if len(b) == 0 {
		return f, buf, RuleFormat
	}
	if len(b) > maxMagnitude {
		return f, buf, RuleRange
	}
	buf = buf[:0]
	if len(b) <= 16 {
		var hi, lo uint64
		f.neg, hi, lo = magnitude(b)
		buf = appendMagnitude(buf, hi, lo)
	} else {
		n := new(big.Int).SetBytes(b)
		if b[0]&0x80 != 0 {
			f.neg = true
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(b))*8))
			n.Neg(n)
		}
		if n.Sign() != 0 {
			buf = n.Append(buf, 10)
		}
	}
	f.digits, f.scale = buf, scale
	if len(buf) == 0 {
		f.neg = false
	} else {
		for ; f.scale < 0; f.scale++ {
			f.digits = append(f.digits, '0')
		}
	}
	f.scale = max(f.scale, 0)
	if len(f.digits)-f.scale > maxIntDigits {
		return f, f.digits, RuleRange
	}
	return f, f.digits, ""
}
