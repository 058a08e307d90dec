package debezium

import (
	"crypto/md5" //nolint:gosec // Java's name-based uuids are made with it
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
)

// DefaultPlaceholder is what Debezium sends for a value it does not have, an
// unchanged TOASTed one, unless told otherwise.
const DefaultPlaceholder = "__debezium_unavailable_value"

// Debezium's stand-ins for geometry and geography, points that are nowhere.
const (
	noGeometry  = "0101000020E6100000000000FC83D797C1000000FC83D797C1"
	noGeography = "0101000020E61000000C21E7FDFF7F66401842CEFBFF7F5640"
	noOrdinate  = -99999999 // x and y of a point
)

// placeholders is every form of the placeholder, as bytes of the record.
type placeholders struct {
	text   []byte // inside of a string
	base64 []byte // inside of a string
	hex    []byte // inside of a string
	arrays [][]byte
	pairs  []byte   // a map
	wkb    [][]byte // member wkb of a geometry, inside of a string
}

func newPlaceholders(option string) *placeholders {
	if option == "" {
		option = DefaultPlaceholder
	}
	raw := []byte(option)
	if digits, ok := strings.CutPrefix(option, "hex:"); ok {
		if b, err := hex.DecodeString(digits); err == nil {
			raw = b
		}
	}
	p := &placeholders{
		text:   []byte(escapeText(raw)),
		base64: []byte(base64.StdEncoding.EncodeToString(raw)),
		hex:    []byte(hex.EncodeToString(raw)),
	}
	numbers := make([]string, len(raw))
	for i, c := range raw {
		numbers[i] = strconv.Itoa(int(int8(c)))
	}
	quoted := `"` + string(p.text) + `"`
	for _, inside := range []string{quoted, `"` + string(p.base64) + `"`, strings.Join(numbers, ","), `"` + nameUUID(raw) + `"`} {
		p.arrays = append(p.arrays, []byte("["+inside+"]"))
	}
	p.pairs = []byte("{" + quoted + ":" + quoted + "}")
	for _, h := range []string{noGeometry, noGeography} {
		wkb, _ := hex.DecodeString(h)
		p.wkb = append(p.wkb, []byte(base64.StdEncoding.EncodeToString(wkb)))
	}
	return p
}

// escapeText is the inside of the JSON string of text, with the escapes that
// Debezium's writer uses.
func escapeText(text []byte) string {
	return string(appendEscaped(nil, text))
}

// nameUUID is Java's UUID.nameUUIDFromBytes.
func nameUUID(name []byte) string {
	sum := md5.Sum(name) //nolint:gosec // see the import
	sum[6] = sum[6]&0x0f | 0x30
	sum[8] = sum[8]&0x3f | 0x80
	h := hex.EncodeToString(sum[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// isString says that the inside of a string stands for a missing value of a
// text or bytea column, however bytea is written.
func (p *placeholders) isString(s []byte) bool {
	switch len(s) {
	case len(p.text), len(p.base64), len(p.hex):
		return string(s) == string(p.text) || string(s) == string(p.base64) || string(s) == string(p.hex)
	}
	return false
}

func (p *placeholders) isArray(s []byte) bool {
	for _, a := range p.arrays {
		if string(s) == string(a) {
			return true
		}
	}
	return false
}

func (p *placeholders) isMap(s []byte) bool { return string(s) == string(p.pairs) }

// isPoint looks for the stand-ins of Point, Geometry and Geography.
func (p *placeholders) isPoint(members *object, s []byte) bool {
	members.reset()
	if members.scan(s, 0, 1) < 0 {
		return false
	}
	x, y, wkb := members.out[0], members.out[1], members.out[2]
	if x.kind == number && y.kind == number {
		vx, _ := parseInt(x.of(s))
		vy, _ := parseInt(y.of(s))
		return vx == noOrdinate && vy == noOrdinate
	}
	for _, w := range p.wkb {
		if wkb.isString() && x.kind != number && string(wkb.of(s)) == string(w) {
			return true
		}
	}
	return false
}
