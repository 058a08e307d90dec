package warehouse

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"time"

	"metadb/change"
)

// appendText writes a value as text, in the forms that 1.4 stores in a column
// that has become text: they are what a widened column holds beside the values
// that PostgreSQL itself converted.
func appendText(dst []byte, t change.Type, v []byte) []byte {
	switch t {
	case change.Bool:
		return strconv.AppendBool(dst, v[0] != 0)
	case change.Int2, change.Int4, change.Int8:
		return strconv.AppendInt(dst, signed(v), 10)
	case change.Float4:
		return appendFloat(dst, float64(math.Float32frombits(binary.BigEndian.Uint32(v))), 32)
	case change.Float8:
		return appendFloat(dst, math.Float64frombits(binary.BigEndian.Uint64(v)), 64)
	case change.Numeric:
		return numericText(dst, v)
	case change.Date:
		return appendDate(dst, signed(v))
	case change.Time:
		return append(appendClock(dst, signed(v)), 'Z')
	case change.TimeTZ:
		return appendZone(appendClock(dst, signed(v[:8])), -signed(v[8:]))
	case change.Timestamp:
		return appendTimestamp(dst, signed(v), false)
	case change.TimestampTZ:
		return appendTimestamp(dst, signed(v), true)
	case change.UUID:
		return appendUUID(dst, v)
	case change.JSONB:
		return append(dst, v[1:]...)
	case change.Bytea:
		return hex.AppendEncode(append(dst, `\x`...), v)
	case change.NoType, change.Text: // are text already
	}
	return append(dst, v...)
}

// signed reads a big-endian integer of 2, 4 or 8 bytes.
func signed(v []byte) int64 {
	switch len(v) {
	case 2:
		return int64(int16(binary.BigEndian.Uint16(v)))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(v)))
	}
	return int64(binary.BigEndian.Uint64(v))
}

// appendFloat writes the shortest digits that read back to f, in scientific form
// when the exponent is below -4 or above 5.
func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case f == 0 || math.Abs(f) >= 1e-4 && math.Abs(f) < 1e6:
		return strconv.AppendFloat(dst, f, 'f', -1, bits)
	}
	return strconv.AppendFloat(dst, f, 'e', -1, bits)
}

// PostgreSQL counts days and microseconds from 2000-01-01.
const (
	epochDays   = 10957
	epochMicros = epochDays * dayMicros
	dayMicros   = 86_400_000_000
)

func appendDate(dst []byte, days int64) []byte {
	switch days {
	case math.MaxInt32:
		return append(dst, "infinity"...)
	case math.MinInt32:
		return append(dst, "-infinity"...)
	}
	return appendDay(dst, days, "T00:00:00Z")
}

// appendTimestamp writes the fraction without trailing zeros, or, for a timestamp
// with time zone, with six digits: the text that the connector sends for one.
func appendTimestamp(dst []byte, micros int64, zoned bool) []byte {
	switch micros {
	case math.MaxInt64:
		return append(dst, "infinity"...)
	case math.MinInt64:
		return append(dst, "-infinity"...)
	}
	day := micros / dayMicros
	if micros%dayMicros < 0 {
		day--
	}
	clock := string(appendClock(nil, micros-day*dayMicros))
	if zoned {
		clock = clock[:len("hh:mm:ss")] + (fraction(clock) + "000000")[:len(".ffffff")]
	}
	return appendDay(dst, day, "T"+clock+"Z")
}

// fraction is the part of a clock from its decimal point.
func fraction(clock string) string {
	if len(clock) == len("hh:mm:ss") {
		return "."
	}
	return clock[len("hh:mm:ss"):]
}

// appendDay writes a day counted from 2000-01-01, with the year 1 BC as "0001 … BC".
func appendDay(dst []byte, days int64, rest string) []byte {
	t := time.Unix((days+epochDays)*86400, 0).UTC()
	year, era := t.Year(), ""
	if year <= 0 {
		year, era = 1-year, " BC"
	}
	y := strconv.Itoa(year)
	for range 4 - len(y) {
		dst = append(dst, '0')
	}
	dst = append(dst, y...)
	dst = t.AppendFormat(dst, "-01-02")
	return append(append(dst, rest...), era...)
}

// appendClock writes HH:MM:SS[.ffffff] without trailing zeros.
func appendClock(dst []byte, micros int64) []byte {
	two := func(n int64) { dst = append(dst, '0'+byte(n/10), '0'+byte(n%10)) }
	two(micros / 3_600_000_000)
	dst = append(dst, ':')
	two(micros / 60_000_000 % 60)
	dst = append(dst, ':')
	two(micros / 1_000_000 % 60)
	if f := micros % 1_000_000; f != 0 {
		dst = append(dst, '.')
		for unit := int64(100_000); f > 0; unit /= 10 {
			dst = append(dst, '0'+byte(f/unit))
			f %= unit
		}
	}
	return dst
}

// appendZone writes an offset east of UTC in seconds.
func appendZone(dst []byte, east int64) []byte {
	if east == 0 {
		return append(dst, 'Z')
	}
	sign := byte('+')
	if east < 0 {
		sign, east = '-', -east
	}
	dst = append(dst, sign, '0'+byte(east/36000), '0'+byte(east/3600%10), ':', '0'+byte(east/600%6), '0'+byte(east/60%10))
	if s := east % 60; s != 0 {
		dst = append(dst, ':', '0'+byte(s/10), '0'+byte(s%10))
	}
	return dst
}

func appendUUID(dst, v []byte) []byte {
	for i, part := range [...][]byte{v[:4], v[4:6], v[6:8], v[8:10], v[10:16]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst
}
