package compare

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// span is an interval.  Its parts do not add up: a month is no number of days.
type span struct {
	months, days int64
	micros       *big.Int
}

// clock is hours, minutes and seconds in PostgreSQL's intervals.
var clock = regexp.MustCompile(`^([-+]?)(\d+):(\d\d):(\d\d(?:\.\d+)?)$`)

// normalInterval writes an interval, which comes in PostgreSQL's own style, in
// ISO's (P1Y2M3DT4H5M6.7S) or as microseconds.
func normalInterval(text string) (string, bool) {
	s, ok := &span{micros: new(big.Int)}, false
	switch {
	case strings.HasPrefix(text, "P"):
		ok = s.readISO(text[1:])
	case strings.Contains(text, " ") || strings.Contains(text, ":"):
		ok = s.readPostgres(text)
	default:
		_, ok = s.micros.SetString(text, 10)
	}
	return fmt.Sprintf("%d months %d days %d us", s.months, s.days, s.micros), ok
}

// readPostgres reads 1 year 2 mons -3 days +04:05:06.7.
func (s *span) readPostgres(text string) bool {
	words := strings.Fields(text)
	for len(words) >= 2 {
		n, err := strconv.ParseInt(words[0], 10, 64)
		if err != nil {
			return false
		}
		switch strings.TrimSuffix(words[1], "s") {
		case "year":
			s.months += 12 * n
		case "mon":
			s.months += n
		case "day":
			s.days += n
		default:
			return false
		}
		words = words[2:]
	}
	if len(words) == 0 {
		return true
	}
	parts := clock.FindStringSubmatch(words[0])
	if parts == nil {
		return false
	}
	sign := parts[1]
	return s.addTime(sign+parts[2], 3600) && s.addTime(sign+parts[3], 60) && s.addTime(sign+parts[4], 1)
}

// readISO reads what follows the P.
func (s *span) readISO(text string) bool {
	date, time, timed := strings.Cut(text, "T")
	if text == "" || timed && time == "" {
		return false
	}
	return eachPart(date, func(number string, unit byte) bool {
		n, err := strconv.ParseInt(number, 10, 64)
		switch unit {
		case 'Y':
			s.months += 12 * n
		case 'M':
			s.months += n
		case 'D':
			s.days += n
		default:
			return false
		}
		return err == nil
	}) && eachPart(time, func(number string, unit byte) bool {
		seconds := map[byte]int64{'H': 3600, 'M': 60, 'S': 1}[unit]
		return seconds > 0 && s.addTime(number, seconds)
	})
}

// eachPart hands out every number with the letter behind it.
func eachPart(text string, part func(number string, unit byte) bool) bool {
	for text != "" {
		end := strings.IndexAny(text, "YMDHS")
		if end < 0 || !part(text[:end], text[end]) {
			return false
		}
		text = text[end+1:]
	}
	return true
}

// addTime adds a number of units; less than a microsecond is refused.
func (s *span) addTime(number string, seconds int64) bool {
	text, ok := normalNumber(number)
	if !ok {
		return false
	}
	amount, _ := new(big.Rat).SetString(text) // as normalNumber wrote it
	amount.Mul(amount, new(big.Rat).SetInt64(seconds*1_000_000))
	s.micros.Add(s.micros, amount.Num())
	return amount.IsInt()
}
