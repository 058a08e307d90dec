package debezium

import (
	"math"
	"strconv"
)

// Bits of NaN as PostgreSQL sends it.
const (
	nan32 = 0x7fc00000
	nan64 = 0x7ff8000000000000
)

// parseFloat rounds a JSON number once, to the width of its column. What would
// become infinite or zero is refused, as PostgreSQL does.
func parseFloat(tok []byte, width int) (float64, Rule) {
	f, err := strconv.ParseFloat(string(tok), width)
	if err != nil {
		return 0, RuleRange
	}
	if f == 0 {
		for _, c := range tok {
			if c == 'e' || c == 'E' {
				break
			}
			if c >= '1' && c <= '9' {
				return 0, RuleRange
			}
		}
	}
	return f, ""
}

// floatWord is the value of a float that came as a string.
func floatWord(s []byte) (f float64, rule Rule) {
	switch string(s) {
	case "NaN":
		return math.NaN(), ""
	case "Infinity":
		return math.Inf(1), ""
	case "-Infinity":
		return math.Inf(-1), ""
	}
	return 0, RuleType
}

func float32Bits(f float64) uint32 {
	if f != f {
		return nan32
	}
	return math.Float32bits(float32(f))
}

func float64Bits(f float64) uint64 {
	if f != f {
		return nan64
	}
	return math.Float64bits(f)
}
