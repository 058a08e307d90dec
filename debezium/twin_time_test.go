package debezium

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	isoStamp = regexp.MustCompile(`^([+-]?\d{4,9})-(\d\d)-(\d\d)T([^Z+-]+)(Z|[+-].*)$`)
	isoClock = regexp.MustCompile(`^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?$`)
	isoZone  = regexp.MustCompile(`^([+-])(\d\d)(?::(\d\d)(?::(\d\d))?)?$`)
	isoUUID  = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func twinDate(t time.Time, tail string) string {
	y, era := t.Year(), ""
	if y <= 0 {
		y, era = 1-y, " BC"
	}
	return fmt.Sprintf("%04d-%02d-%02d%s%s", y, t.Month(), t.Day(), tail, era)
}

func twinClock(us int64) string {
	s := fmt.Sprintf("%02d:%02d:%02d", us/3600000000, us/60000000%60, us/1000000%60)
	if us%1000000 == 0 {
		return s
	}
	return s + "." + strings.TrimRight(fmt.Sprintf("%06d", us%1000000), "0")
}

func twinStamp(t time.Time, zone string) (string, error) {
	if t.Before(time.Date(-4713, 11, 24, 0, 0, 0, 0, time.UTC)) || !t.Before(time.Date(294277, 1, 1, 0, 0, 0, 0, time.UTC)) {
		return "", errTwin
	}
	us := int64(t.Hour()*3600+t.Minute()*60+t.Second())*1000000 + int64(t.Nanosecond()/1000)
	return twinDate(t, " "+twinClock(us)+zone), nil
}

// twinTime is the microseconds of a time of day and the seconds east of a zone.
func twinTime(clock, zone string) (us, east int64, err error) {
	c := isoClock.FindStringSubmatch(clock)
	if c == nil || atoi(c[2]) > 59 || atoi(c[3]) > 59 {
		return 0, 0, errTwin
	}
	r, _ := new(big.Rat).SetString("0." + c[4] + "0")
	r.Mul(r, big.NewRat(1000000, 1))
	micro, _ := strconv.ParseFloat(r.FloatString(40), 64)
	us = int64(atoi(c[1])*3600+atoi(c[2])*60+atoi(c[3]))*1000000 + int64(math.RoundToEven(micro))
	if us > 86400000000 {
		return 0, 0, errTwin
	}
	if zone == "Z" {
		return us, 0, nil
	}
	z := isoZone.FindStringSubmatch(zone)
	if z == nil || atoi(z[2]) > 15 || atoi(z[3]) > 59 || atoi(z[4]) > 59 {
		return 0, 0, errTwin
	}
	east = int64(atoi(z[2])*3600 + atoi(z[3])*60 + atoi(z[4]))
	if z[1] == "-" {
		east = -east
	}
	return us, east, nil
}

func (tw twin) text(is func(string) bool, s string) (any, error) {
	switch {
	case is(".data.Uuid"):
		if !isoUUID.MatchString(s) {
			return nil, errTwin
		}
		return strings.ToLower(s), nil
	case is(".data.Json"):
		return twinJSON([]byte(s))
	case is(".time.ZonedTimestamp"):
		if s == "infinity" || s == "-infinity" {
			return s, nil
		}
		m := isoStamp.FindStringSubmatch(s)
		if m == nil {
			return nil, errTwin
		}
		us, east, err := twinTime(m[4], m[5])
		day := time.Date(atoi(strings.TrimPrefix(m[1], "+")), time.Month(atoi(m[2])), atoi(m[3]), 0, 0, 0, 0, time.UTC)
		if err != nil || int(day.Month()) != atoi(m[2]) || day.Day() != atoi(m[3]) {
			return nil, errTwin
		}
		t := time.Unix(day.Unix()+us/1000000-east, us%1000000*1000).UTC()
		return twinStamp(t, "+00")
	case is(".time.ZonedTime"):
		i := strings.IndexAny(s, "Z+-")
		if i < 0 {
			return nil, errTwin
		}
		us, east, err := twinTime(s[:i], s[i:])
		if err != nil {
			return nil, err
		}
		return twinClock(us) + twinZone(east), nil
	}
	return s, nil
}

func twinZone(east int64) string {
	sign := "+"
	if east < 0 {
		sign, east = "-", -east
	}
	s := fmt.Sprintf("%s%02d", sign, east/3600)
	if east%3600 != 0 {
		s += fmt.Sprintf(":%02d", east/60%60)
	}
	if east%60 != 0 {
		s += fmt.Sprintf(":%02d", east%60)
	}
	return s
}
