package compare

import (
	"encoding/json"
	"regexp"
	"strings"
)

// pair is one key and value in hstore's text; PostgreSQL quotes all but NULL.
var pair = regexp.MustCompile(`(?s)^"((?:[^"\\]|\\.)*)"=>(?:NULL|"((?:[^"\\]|\\.)*)")(?:, |$)`)

// shield is a character behind a backslash.
var shield = regexp.MustCompile(`(?s)\\(.)`)

// normalHstore writes a map, which comes as hstore's text or as a JSON object,
// as JSON.
func normalHstore(text string) (string, bool) {
	members := map[string]*string{}
	if strings.HasPrefix(text, "{") {
		if err := json.Unmarshal([]byte(text), &members); err != nil {
			return "", false // a value that is not a text, for instance
		}
	} else {
		for rest := text; rest != ""; {
			found := pair.FindStringSubmatchIndex(rest)
			if found == nil {
				return "", false
			}
			key := shield.ReplaceAllString(rest[found[2]:found[3]], "$1")
			members[key] = nil
			if found[4] >= 0 {
				value := shield.ReplaceAllString(rest[found[4]:found[5]], "$1")
				members[key] = &value
			}
			rest = rest[found[1]:]
		}
	}
	out, err := json.Marshal(members)
	return string(out), err == nil
}

// normalPoint writes a point, which comes as (x,y) or as an object with these
// members.
func normalPoint(text string) (string, bool) {
	var point struct{ X, Y *json.Number }
	x, y, found := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(text, "("), ")"), ",")
	if strings.HasPrefix(text, "{") {
		if err := json.Unmarshal([]byte(text), &point); err != nil || point.X == nil || point.Y == nil {
			return "", false
		}
		x, y, found = point.X.String(), point.Y.String(), true
	}
	x, okX := normalFloat(x, 64)
	y, okY := normalFloat(y, 64)
	if !found || !okX || !okY {
		return "", false
	}
	return "(" + unsigned(x) + "," + unsigned(y) + ")", true
}

// unsigned makes 0 of the -0 that JSON cannot keep.
func unsigned(float string) string {
	if float == "-0" {
		return "0"
	}
	return float
}

// normalBits writes bits as 0 and 1; one bit may come as a boolean.
func normalBits(length int, text string) (string, bool) {
	if value, ok := normalBool(text); ok && length == 1 {
		return map[string]string{"true": "1", "false": "0"}[value], true
	}
	return text, true
}
