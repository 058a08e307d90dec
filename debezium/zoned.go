package debezium

import "math"

// reader takes an ISO date or time apart; the first mistake makes it bad.
type reader struct {
	s   []byte
	bad bool
}

// number reads from min to max digits.
func (r *reader) number(min, max int) int64 {
	var v int64
	n := 0
	for n < len(r.s) && n < max && r.s[n]-'0' <= 9 {
		v = v*10 + int64(r.s[n]-'0')
		n++
	}
	if n < min {
		r.bad = true
	}
	r.s = r.s[n:]
	return v
}

// skip passes over c if it stands there.
func (r *reader) skip(c byte) bool {
	if len(r.s) == 0 || r.s[0] != c {
		return false
	}
	r.s = r.s[1:]
	return true
}

func (r *reader) must(c byte) {
	if !r.skip(c) {
		r.bad = true
	}
}

// fraction reads the digits behind a decimal point as microseconds, more than
// six of them rounded half to even.
func (r *reader) fraction() int64 {
	var us int64
	n := 0
	for n < len(r.s) && n < 6 && r.s[n]-'0' <= 9 {
		us = us*10 + int64(r.s[n]-'0')
		n++
	}
	if n == 0 {
		r.bad = true
		return 0
	}
	for i := n; i < 6; i++ {
		us *= 10
	}
	if n == len(r.s) || r.s[n]-'0' > 9 {
		r.s = r.s[n:]
		return us
	}
	first := r.s[n]
	n++
	rest := false
	for ; n < len(r.s) && r.s[n]-'0' <= 9; n++ {
		rest = rest || r.s[n] != '0'
	}
	r.s = r.s[n:]
	if first > '5' || first == '5' && (rest || us%2 == 1) {
		us++
	}
	return us
}

// clock reads HH:MM[:SS[.f…]] up to 24:00:00.
func (r *reader) clock() int64 {
	h := r.number(2, 2)
	r.must(':')
	m := r.number(2, 2)
	var s, us int64
	if r.skip(':') {
		s = r.number(2, 2)
		if r.skip('.') {
			us = r.fraction()
		}
	}
	t := (h*3600+m*60+s)*usPerSec + us
	if m > 59 || s > 59 || t > usPerDay {
		r.bad = true
	}
	return t
}

// zone reads Z or an offset and gives the seconds east of UTC.
func (r *reader) zone() int64 {
	if r.skip('Z') {
		return 0
	}
	east := int64(1)
	if !r.skip('+') {
		r.must('-')
		east = -1
	}
	h := r.number(2, 2)
	var m, s int64
	if r.skip(':') {
		m = r.number(2, 2)
		if r.skip(':') {
			s = r.number(2, 2)
		}
	}
	if h > 15 || m > 59 || s > 59 {
		r.bad = true
	}
	return east * (h*3600 + m*60 + s)
}

// parseZonedStamp is the timestamptz, in PostgreSQL's microseconds, of an ISO
// text. Years are counted with a year 0, and may have a sign.
func parseZonedStamp(s []byte) (int64, Rule) {
	switch string(s) {
	case "infinity":
		return math.MaxInt64, ""
	case "-infinity":
		return math.MinInt64, ""
	}
	r := reader{s: s}
	sign := int64(1)
	if r.skip('-') {
		sign = -1
	} else {
		r.skip('+')
	}
	year := sign * r.number(4, 9)
	r.must('-')
	month := int(r.number(2, 2))
	r.must('-')
	day := int(r.number(2, 2))
	r.must('T')
	t := r.clock()
	t -= r.zone() * usPerSec
	if r.bad || len(r.s) > 0 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month) {
		return 0, RuleFormat
	}
	if year < -5000 || year > 295000 {
		return 0, RuleRange
	}
	days := dayNumber(year, month, day)
	if days < minStamp/usPerDay-1 || days > endStamp/usPerDay {
		return 0, RuleRange
	}
	us := days*usPerDay + t
	if us < minStamp || us >= endStamp {
		return 0, RuleRange
	}
	return us, ""
}

// parseZonedTime is the timetz of an ISO text: microseconds and seconds west.
func parseZonedTime(s []byte) (us int64, west int32, rule Rule) {
	r := reader{s: s}
	us = r.clock()
	east := r.zone()
	if r.bad || len(r.s) > 0 {
		return 0, 0, RuleFormat
	}
	return us, int32(-east), ""
}

// appendZoneText appends PostgreSQL's text of a zone: +HH[:MM[:SS]].
func appendZoneText(dst []byte, west int32) []byte {
	sign, z := byte('+'), int64(-west)
	if z < 0 {
		sign, z = '-', -z
	}
	dst = appendPadded(append(dst, sign), z/3600, 2)
	if z%3600 != 0 {
		dst = appendPadded(append(dst, ':'), z/60%60, 2)
	}
	if z%60 != 0 {
		dst = appendPadded(append(dst, ':'), z%60, 2)
	}
	return dst
}
