package debezium

// Rule is what a record broke: a short fixed word for counters and dead letters.
type Rule string

// The rules. Every BadEvent has one.
const (
	RuleJSON    Rule = "json"    // not JSON, or nested too deeply
	RuleSchema  Rule = "schema"  // the schema block cannot be understood
	RuleSource  Rule = "source"  // source block without ts_ms or table
	RuleRow     Rule = "row"     // no row image where one must be
	RuleKey     Rule = "key"     // the key cannot be read, or its value was not sent
	RuleKeyText Rule = "keytext" // unstorable characters in a key column
	RuleType    Rule = "type"    // a value of the wrong kind for its column
	RuleRange   Rule = "range"   // outside what the column's type can hold
	RuleFormat  Rule = "format"  // base64, uuid, date text and the like are broken
)

// reasons says each rule in a sentence fragment.
var reasons = map[Rule]string{
	RuleJSON:    "record is not valid JSON or is nested too deeply",
	RuleSchema:  "schema block cannot be understood",
	RuleSource:  "source block lacks a valid ts_ms or table",
	RuleRow:     "row image is missing",
	RuleKey:     "key cannot be read",
	RuleKeyText: "key holds characters that cannot be stored",
	RuleType:    "value has the wrong kind for its column",
	RuleRange:   "value is outside the range of its column",
	RuleFormat:  "text of the value is malformed for its column",
}

// BadEvent is the error of a record that must become a dead letter. It holds no
// value of the record.
type BadEvent struct {
	Column string // column or source field; empty if it is about the record
	Rule   Rule
	Reason string
}

// Error says what is wrong, where, without any value.
func (e *BadEvent) Error() string {
	if e.Column == "" {
		return "bad event: " + e.Reason
	}
	return "bad event: column " + e.Column + ": " + e.Reason
}

func badEvent(rule Rule, column string) *BadEvent {
	return &BadEvent{Column: column, Rule: rule, Reason: reasons[rule]}
}
