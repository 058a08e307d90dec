package warehouse

import "metadb/change"

// widen is the type a column of type now must have to take events of type event
// (metadb-1.4's matrix). holds says whether a text value fits a uuid column; it
// is asked only there.
func widen(now, event change.Type, holds func() bool) change.Type {
	switch {
	case now == event, now == change.Text:
		return now
	case now == change.UUID && event == change.Text:
		if holds() {
			return now
		}
		return change.Text
	case isNumber(now) && isNumber(event):
		return widenNumber(now, event)
	}
	return change.Text
}

func isNumber(t change.Type) bool { return t >= change.Int2 && t <= change.Numeric }
func isInt(t change.Type) bool    { return t >= change.Int2 && t <= change.Int8 }

// widenNumber never loses a digit: 1.4 turns bigint into real, ours go to double
// precision or numeric.
func widenNumber(now, event change.Type) change.Type {
	switch {
	case isInt(now) && isInt(event):
		return max(now, event)
	case now == change.Numeric || event == change.Numeric:
		return change.Numeric
	case isInt(now): // event is a float
		switch {
		case now == change.Int8:
			return change.Numeric
		case now == change.Int4 && event == change.Float4:
			return change.Float8
		}
		return event
	case isInt(event): // now is a float
		return change.Numeric
	}
	return max(now, event) // both floats
}
