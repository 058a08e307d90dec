package compare

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rendering is how the values of a recording reach the warehouse, where the
// connector's configuration makes them other than PostgreSQL writes them.  The
// zero value is the ordinary one.
type rendering struct {
	ticks  bool // dates and times are integers since 1970
	millis bool // of milliseconds, whatever the type says
	base64 bool // decimals, bytes and bits are base64
	hex    bool // bytes are hexadecimal text
}

// renderingOf knows the configurations of the variants.
func renderingOf(capture string) rendering {
	switch capture {
	case "variants/vnoschema": // schemas.enable=false: nothing says what a value means
		return rendering{ticks: true, base64: true}
	case "variants/vnumeric": // time.precision.mode=connect
		return rendering{ticks: true, millis: true}
	case "variants/vstring": // binary.handling.mode=hex
		return rendering{hex: true}
	}
	return rendering{}
}

// decode brings a value to PostgreSQL's writing.  A text that is not of the
// expected form stays as it is.
func (r rendering) decode(k kind, text string) string {
	decoded, ok := "", false
	switch {
	case r.ticks && (k.form == asDate || k.form == asTime || k.form == asTimestamp):
		decoded, ok = r.decodeTicks(k, text)
	case r.base64 && k.decimal:
		decoded, ok = decodeDecimal(k.scale, text)
	case r.base64 && k.form == asBits:
		decoded, ok = decodeBits(k.length, text)
	case r.base64 && k.form == asBytes:
		var raw []byte
		raw, ok = decodeBase64(text)
		decoded = `\x` + hex.EncodeToString(raw)
	case r.hex && k.form == asBytes:
		_, err := hex.DecodeString(text)
		decoded, ok = `\x`+text, err == nil
	}
	if !ok {
		return text
	}
	return decoded
}

// decodeTicks reads a date, time or timestamp that is an integer.
func (r rendering) decodeTicks(k kind, text string) (string, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return "", false
	}
	if k.form == asDate {
		return time.Unix(0, 0).UTC().AddDate(0, 0, int(n)).Format(time.DateOnly), true
	}
	at := time.UnixMicro(n)
	if r.millis || k.digits <= 3 {
		at = time.UnixMilli(n)
	}
	layout := "2006-01-02 15:04:05.999999"
	if k.form == asTime {
		layout = "15:04:05.999999"
	}
	return at.UTC().Format(layout), true
}

// decodeDecimal reads a number from its two's complement; where the type has no
// scale, from an object of scale and value.
func decodeDecimal(scale int, text string) (string, bool) {
	var free struct {
		Scale *int
		Value string
	}
	if json.Unmarshal([]byte(text), &free) == nil && free.Scale != nil {
		scale, text = *free.Scale, free.Value
	}
	raw, ok := decodeBase64(text)
	if !ok || len(raw) == 0 || scale < -maxExponent || scale > maxExponent {
		return "", false
	}
	number := new(big.Int).SetBytes(raw)
	if raw[0] >= 0x80 {
		number.Sub(number, new(big.Int).Lsh(big.NewInt(1), uint(8*len(raw))))
	}
	return number.String() + "e" + strconv.Itoa(-scale), true
}

// decodeBits reads a bit string from its number, whose lowest byte comes first.
func decodeBits(length int, text string) (string, bool) {
	raw, ok := decodeBase64(text)
	if !ok {
		return "", false
	}
	slices.Reverse(raw)
	bits := new(big.Int).SetBytes(raw).Text(2)
	if len(bits) > length {
		return "", false
	}
	return strings.Repeat("0", length-len(bits)) + bits, true
}

func decodeBase64(text string) ([]byte, bool) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	return raw, err == nil
}
