package debezium

import "math"

// PostgreSQL counts from 2000-01-01, Debezium from 1970-01-01.
const (
	epochDays = 10957
	epochMs   = epochDays * msPerDay
	epochUs   = epochDays * usPerDay

	msPerDay = 86_400_000
	usPerDay = 86_400_000_000
	usPerSec = 1_000_000
)

// Ranges of PostgreSQL's types, and the marks that Debezium sends for infinity.
const (
	minDays     = -2440588   // since 1970: 4714-11-24 BC
	maxDays     = 2145042905 // since 1970: 5874897-12-31
	daysPosInf  = -2147472692
	daysNegInf  = -2147472691
	minStamp    = -211813488000000000 // µs since 2000: 4714-11-24 BC
	endStamp    = 9223371331200000000 // µs since 2000: 294277-01-01
	stampPosInf = 9223372036825200000 // µs since 1970
	stampNegInf = -9223372036832400000
)

// daysOf turns days since 1970 into PostgreSQL's.
func daysOf(v int64) (int32, Rule) {
	switch {
	case v == daysPosInf:
		return math.MaxInt32, ""
	case v == daysNegInf:
		return math.MinInt32, ""
	case v < minDays || v > maxDays:
		return 0, RuleRange
	}
	return int32(v - epochDays), ""
}

// stampOfMicros turns microseconds since 1970 into PostgreSQL's.
func stampOfMicros(v int64) (int64, Rule) {
	switch {
	case v == stampPosInf:
		return math.MaxInt64, ""
	case v == stampNegInf:
		return math.MinInt64, ""
	case v < minStamp+epochUs:
		return 0, RuleRange
	}
	return v - epochUs, ""
}

// stampOfMillis turns milliseconds since 1970 into PostgreSQL's microseconds.
func stampOfMillis(v int64) (int64, Rule) {
	switch {
	case v == stampPosInf/1000:
		return math.MaxInt64, ""
	case v == stampNegInf/1000:
		return math.MinInt64, ""
	case v < minStamp/1000+epochMs || v >= endStamp/1000+epochMs:
		return 0, RuleRange
	}
	return (v - epochMs) * 1000, ""
}

// clockOf is a time of day; 24:00:00 is one.
func clockOf(v, unit, day int64) (int64, Rule) {
	if v < 0 || v > day {
		return 0, RuleRange
	}
	return v * unit, ""
}

// dayNumber is the days since 2000 of a date of the Gregorian calendar, in which
// year 0 is 1 BC.
func dayNumber(year int64, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era := floorDiv(year, 400)
	ofEra := year - era*400
	ofYear := int64((153*(month-3)+2)/5 + day - 1)
	return era*146097 + ofEra*365 + ofEra/4 - ofEra/100 + ofYear - 719468 - epochDays
}

// civil is the date of a number of days since 2000.
func civil(days int64) (year int64, month, day int) {
	days += 719468 + epochDays
	era := floorDiv(days, 146097)
	ofEra := days - era*146097
	y := (ofEra - ofEra/1460 + ofEra/36524 - ofEra/146096) / 365
	ofYear := ofEra - (365*y + y/4 - y/100)
	m := (5*ofYear + 2) / 153
	day = int(ofYear - (153*m+2)/5 + 1)
	month = int(m + 3)
	year = y + era*400
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func daysInMonth(year int64, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// appendDate appends a date as PostgreSQL prints it in ISO style, without the
// mark of the era; bc says that it is needed.
func appendDate(dst []byte, days int64) (out []byte, bc bool) {
	y, m, d := civil(days)
	if y <= 0 {
		y, bc = 1-y, true
	}
	dst = appendPadded(dst, y, 4)
	dst = append(dst, '-')
	dst = appendPadded(dst, int64(m), 2)
	dst = append(dst, '-')
	return appendPadded(dst, int64(d), 2), bc
}

// appendDateText appends PostgreSQL's text of a date.
func appendDateText(dst []byte, days int32) []byte {
	switch days {
	case math.MaxInt32:
		return append(dst, "infinity"...)
	case math.MinInt32:
		return append(dst, "-infinity"...)
	}
	dst, bc := appendDate(dst, int64(days))
	return appendEra(dst, bc)
}

func appendEra(dst []byte, bc bool) []byte {
	if bc {
		return append(dst, " BC"...)
	}
	return dst
}

// appendClock appends PostgreSQL's text of a time of day.
func appendClock(dst []byte, us int64) []byte {
	s, frac := us/usPerSec, us%usPerSec
	dst = appendPadded(dst, s/3600, 2)
	dst = append(dst, ':')
	dst = appendPadded(dst, s/60%60, 2)
	dst = append(dst, ':')
	dst = appendPadded(dst, s%60, 2)
	if frac == 0 {
		return dst
	}
	dst = append(dst, '.')
	dst = appendPadded(dst, frac, 6)
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// appendStampText appends PostgreSQL's text of a timestamp, or of a timestamptz
// in UTC if zone is its +00.
func appendStampText(dst []byte, us int64, zone string) []byte {
	switch us {
	case math.MaxInt64:
		return append(dst, "infinity"...)
	case math.MinInt64:
		return append(dst, "-infinity"...)
	}
	days := floorDiv(us, usPerDay)
	dst, bc := appendDate(dst, days)
	dst = append(dst, ' ')
	dst = appendClock(dst, us-days*usPerDay)
	dst = append(dst, zone...)
	return appendEra(dst, bc)
}

func appendPadded(dst []byte, v int64, width int) []byte {
	var room [20]byte
	i := len(room)
	for v > 0 || len(room)-i < width {
		i--
		room[i] = byte('0' + v%10)
		v /= 10
	}
	return append(dst, room[i:]...)
}
