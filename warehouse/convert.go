package warehouse

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"

	"metadb/change"
)

// converter appends value v, of an event's type, in the binary form of the
// column's type. nil stands for equal types.
type converter func(dst, v []byte) ([]byte, error)

// convert returns the converter for an event value of type from in a column of
// type to; the column is at least as wide, as widen has made it.
func convert(from, to change.Type) (converter, error) {
	switch {
	case from == to:
		return nil, nil
	case to == change.Text:
		return func(dst, v []byte) ([]byte, error) { return appendText(dst, from, v), nil }, nil
	case from == change.Text && to == change.UUID:
		return textToUUID, nil
	case isInt(from):
		return convertInt(to)
	case isNumber(from) && to == change.Float8:
		return floatToDouble, nil
	case isNumber(from) && to == change.Numeric:
		return func(dst, v []byte) ([]byte, error) { return floatToNumeric(dst, from, v) }, nil
	}
	return nil, fmt.Errorf("no conversion from %s to %s", from, to)
}

func convertInt(to change.Type) (converter, error) {
	switch to {
	case change.Int4:
		return func(dst, v []byte) ([]byte, error) { return binary.BigEndian.AppendUint32(dst, uint32(signed(v))), nil }, nil
	case change.Int8:
		return func(dst, v []byte) ([]byte, error) { return binary.BigEndian.AppendUint64(dst, uint64(signed(v))), nil }, nil
	case change.Float4:
		return func(dst, v []byte) ([]byte, error) {
			return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(signed(v)))), nil
		}, nil
	case change.Float8:
		return func(dst, v []byte) ([]byte, error) {
			return binary.BigEndian.AppendUint64(dst, math.Float64bits(float64(signed(v)))), nil
		}, nil
	case change.Numeric:
		return func(dst, v []byte) ([]byte, error) { return appendNumeric(dst, strconv.FormatInt(signed(v), 10)) }, nil
	default:
		return nil, fmt.Errorf("no conversion from an integer to %s", to)
	}
}

// floatToDouble goes through the shortest decimal: a real 0.1 becomes the double
// 0.1, which is what the source showed.
func floatToDouble(dst, v []byte) ([]byte, error) {
	f := math.Float32frombits(binary.BigEndian.Uint32(v))
	d, err := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64)
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(d)), err
}

func floatToNumeric(dst []byte, from change.Type, v []byte) ([]byte, error) {
	f, bits := 0.0, 64
	if from == change.Float4 {
		f, bits = float64(math.Float32frombits(binary.BigEndian.Uint32(v))), 32
	} else {
		f = math.Float64frombits(binary.BigEndian.Uint64(v))
	}
	special := uint16(0)
	switch {
	case math.IsNaN(f):
		special = numericNaN
	case math.IsInf(f, 1):
		special = numericInf
	case math.IsInf(f, -1):
		special = numericNegInf
	default:
		return appendNumeric(dst, strconv.FormatFloat(f, 'f', -1, bits))
	}
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint16(dst, special)
	return append(dst, 0, 0), nil
}

// textToUUID takes the canonical form only.
func textToUUID(dst, v []byte) ([]byte, error) {
	if !isUUID(v) {
		return dst, fmt.Errorf("%w: not a uuid", ErrValue)
	}
	for _, part := range [...][]byte{v[:8], v[9:13], v[14:18], v[19:23], v[24:36]} {
		var err error
		if dst, err = hex.AppendDecode(dst, part); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func isUUID(v []byte) bool {
	if len(v) != 36 {
		return false
	}
	for i, c := range v {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			digit, letter := '0' <= c && c <= '9', 'a' <= c|0x20 && c|0x20 <= 'f'
			if !digit && !letter {
				return false
			}
		}
	}
	return true
}
