package debezium

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"

	"metadb/change"
)

// show prints a binary tuple in the twin's form.
func show(shape *change.Shape, t change.Tuple) map[string]string {
	out := map[string]string{}
	for _, c := range shape.Columns {
		var v []byte
		var n int32
		v, n, t = t.Next()
		switch n {
		case change.Null:
			out[c.Name] = c.Type.String() + " NULL"
		case change.Unavailable:
			out[c.Name] = c.Type.String() + " UNAVAILABLE"
		default:
			out[c.Name] = c.Type.String() + " " + showValue(c.Type, v)
		}
	}
	if len(t) != 0 {
		out["*"] = "bytes left over"
	}
	return out
}

func showValue(t change.Type, v []byte) string {
	size := map[change.Type]int{change.Bool: 1, change.Int2: 2, change.Int4: 4, change.Int8: 8, change.Float4: 4, change.Float8: 8,
		change.Date: 4, change.Time: 8, change.TimeTZ: 12, change.Timestamp: 8, change.TimestampTZ: 8, change.UUID: 16}
	if n, ok := size[t]; ok && n != len(v) {
		return "wrong size"
	}
	u64 := func() int64 { return int64(binary.BigEndian.Uint64(v)) }
	epoch := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	switch t {
	case change.Bool:
		return fmt.Sprint(v[0] == 1)
	case change.Int2:
		return fmt.Sprint(int16(binary.BigEndian.Uint16(v)))
	case change.Int4:
		return fmt.Sprint(int32(binary.BigEndian.Uint32(v)))
	case change.Int8:
		return fmt.Sprint(u64())
	case change.Float4:
		return showFloat(float64(math.Float32frombits(binary.BigEndian.Uint32(v))), 32)
	case change.Float8:
		return showFloat(math.Float64frombits(binary.BigEndian.Uint64(v)), 64)
	case change.Numeric:
		return showNumeric(v)
	case change.Date:
		switch d := int32(binary.BigEndian.Uint32(v)); d {
		case math.MaxInt32:
			return "infinity"
		case math.MinInt32:
			return "-infinity"
		default:
			return twinDate(time.Unix(epoch.Unix()+int64(d)*86400, 0).UTC(), "")
		}
	case change.Time:
		return twinClock(u64())
	case change.TimeTZ:
		return twinClock(u64()) + twinZone(-int64(int32(binary.BigEndian.Uint32(v[8:]))))
	case change.Timestamp, change.TimestampTZ:
		switch us := u64(); us {
		case math.MaxInt64:
			return "infinity"
		case math.MinInt64:
			return "-infinity"
		default:
			sec, rem := new(big.Int).DivMod(big.NewInt(us), big.NewInt(1000000), new(big.Int))
			zone := map[change.Type]string{change.TimestampTZ: "+00"}[t]
			s, err := twinStamp(time.Unix(epoch.Unix()+sec.Int64(), rem.Int64()*1000).UTC(), zone)
			if err != nil {
				return "out of range"
			}
			return s
		}
	case change.UUID:
		h := hex.EncodeToString(v)
		return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
	case change.JSONB:
		if v[0] != 1 {
			return "wrong version"
		}
		return twinDocument(string(v[1:]))
	case change.Bytea:
		return base64.StdEncoding.EncodeToString(v)
	}
	if !utf8.Valid(v) || bytes.IndexByte(v, 0) >= 0 {
		return "not storable"
	}
	return string(v)
}

func showFloat(f float64, width int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'g', -1, width)
}

func showNumeric(v []byte) string {
	word := func(i int) int { return int(int16(binary.BigEndian.Uint16(v[2*i:]))) }
	n, weight, sign, scale := word(0), word(1), word(2), word(3)
	if len(v) != 8+2*n {
		return "wrong size"
	}
	if n > 0 && (word(4) == 0 || word(3+n) == 0) || n == 0 && (weight != 0 || sign != 0) {
		return "not normal"
	}
	r := new(big.Int)
	for i := range n {
		r.Mul(r, big.NewInt(10000)).Add(r, big.NewInt(int64(word(4+i))))
	}
	q := new(big.Rat).SetInt(r)
	p := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10000), big.NewInt(int64(max(weight-n+1, n-1-weight))), nil))
	if weight-n+1 >= 0 {
		q.Mul(q, p)
	} else {
		q.Quo(q, p)
	}
	if sign == 0x4000 {
		q.Neg(q)
	}
	s, err := twinScaled(q, scale)
	if err != nil {
		return "digits beyond its scale"
	}
	return s
}
