package warehouse

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// PostgreSQL's binary numeric: int16 count of base-10000 digits, int16 weight of
// the first, uint16 sign, uint16 display scale, then the digits.
const (
	numericHeader   = 8
	numericNegative = 0x4000
	numericNaN      = 0xC000
	numericInf      = 0xD000
	numericNegInf   = 0xF000
)

var errNumeric = fmt.Errorf("%w: not a decimal number", ErrValue)

// appendNumeric appends the binary form of a plain decimal such as -12.50; the
// display scale is the number of decimals written.
func appendNumeric(dst []byte, decimal string) ([]byte, error) {
	sign := uint16(0)
	if rest, ok := strings.CutPrefix(decimal, "-"); ok {
		sign, decimal = numericNegative, rest
	}
	whole, fraction, _ := strings.Cut(decimal, ".")
	scale := len(fraction)
	whole = strings.TrimLeft(whole, "0")
	whole = strings.Repeat("0", (4-len(whole)%4)%4) + whole
	fraction += strings.Repeat("0", (4-len(fraction)%4)%4)
	weight := len(whole)/4 - 1
	text := whole + fraction
	digits := make([]uint16, 0, len(text)/4)
	for i := 0; i < len(text); i += 4 {
		var d uint16
		for _, c := range []byte(text[i : i+4]) {
			if c < '0' || c > '9' {
				return dst, errNumeric
			}
			d = d*10 + uint16(c-'0')
		}
		digits = append(digits, d)
	}
	for len(digits) > 0 && digits[0] == 0 {
		digits = digits[1:]
		weight--
	}
	for len(digits) > 0 && digits[len(digits)-1] == 0 {
		digits = digits[:len(digits)-1]
	}
	if len(digits) == 0 {
		weight, sign = 0, 0
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(digits)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(int16(weight)))
	dst = binary.BigEndian.AppendUint16(dst, sign)
	dst = binary.BigEndian.AppendUint16(dst, uint16(scale))
	for _, d := range digits {
		dst = binary.BigEndian.AppendUint16(dst, d)
	}
	return dst, nil
}

// numericText writes a binary numeric in plain notation with exactly its display
// scale of decimals, as PostgreSQL prints it.
func numericText(dst, v []byte) []byte {
	count := int(binary.BigEndian.Uint16(v))
	weight := int(int16(binary.BigEndian.Uint16(v[2:])))
	scale := int(binary.BigEndian.Uint16(v[6:]))
	switch binary.BigEndian.Uint16(v[4:]) {
	case numericNaN:
		return append(dst, "NaN"...)
	case numericInf:
		return append(dst, "Infinity"...)
	case numericNegInf:
		return append(dst, "-Infinity"...)
	case numericNegative:
		dst = append(dst, '-')
	}
	digit := func(i int) uint16 { // of weight i
		if at := weight - i; at >= 0 && at < count {
			return binary.BigEndian.Uint16(v[numericHeader+2*at:])
		}
		return 0
	}
	start := len(dst)
	for i := max(weight, 0); i >= 0; i-- {
		dst = appendDigits(dst, digit(i), 4)
	}
	dst = append(dst[:start], strings.TrimLeft(string(dst[start:]), "0")...)
	if len(dst) == start {
		dst = append(dst, '0')
	}
	if scale > 0 {
		dst = append(dst, '.')
		for i, left := -1, scale; left > 0; i, left = i-1, left-4 {
			dst = appendDigits(dst, digit(i), min(left, 4))
		}
	}
	return dst
}

// appendNumericKey appends what two numerics of equal value have in common: sign,
// weight and digits without outer zeros, but not the display scale.
func appendNumericKey(dst, v []byte) []byte {
	sign := binary.BigEndian.Uint16(v[4:])
	if sign != 0 && sign != numericNegative {
		return append(dst, v[4:6]...)
	}
	weight := binary.BigEndian.Uint16(v[2:])
	digits := v[numericHeader:]
	for len(digits) > 0 && digits[0] == 0 && digits[1] == 0 {
		digits = digits[2:]
		weight--
	}
	for n := len(digits); n > 0 && digits[n-1] == 0 && digits[n-2] == 0; n = len(digits) {
		digits = digits[:n-2]
	}
	if len(digits) == 0 {
		return append(dst, 0)
	}
	dst = binary.BigEndian.AppendUint16(dst, sign)
	dst = binary.BigEndian.AppendUint16(dst, weight)
	return append(dst, digits...)
}

// appendDigits writes the first n of a base-10000 digit's four decimals.
func appendDigits(dst []byte, d uint16, n int) []byte {
	four := [4]byte{'0' + byte(d/1000), '0' + byte(d/100%10), '0' + byte(d/10%10), '0' + byte(d%10)}
	return append(dst, four[:n]...)
}
