package parser

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// sourceOption is one option of a data source.
type sourceOption struct {
	name string
	also []string // spellings of earlier versions and of Kafka's clients
	// fold, if not nil, makes the catalog's spelling of a value.
	fold func(value string) string
	// sealed says that the value is a secret, and is encrypted.
	sealed bool
	// check says what is wrong with a value, if anything.
	check func(option, value string) *Error
}

// sourceOptions are all of them, in the order of the manual.
var sourceOptions = append([]sourceOption{
	{name: "brokers", also: []string{"bootstrap_servers"}},
	{name: "security", also: []string{"security_protocol"}, fold: strings.ToLower, check: oneOf(protocols...)},
	{name: "topics", check: checkTopics},
	{name: "consumer_group", also: []string{"consumergroup", "group_id"}},
	{name: "schema_pass_filter", also: []string{"schemapassfilter"}, check: checkFilter},
	{name: "schema_stop_filter", also: []string{"schemastopfilter"}, check: checkFilter},
	{name: "table_stop_filter", also: []string{"tablestopfilter"}, check: checkFilter},
	{name: "trim_schema_prefix", also: []string{"trimschemaprefix"}},
	{name: "add_schema_prefix", also: []string{"addschemaprefix"}},
	{name: "map_public_schema"},
	{name: "module"},
	{name: "on_bad_value", check: oneOf("dead_letter", "null")},
	{name: "on_bad_event", check: oneOf("set_aside", "stop")},
	{name: "dead_letter_limit", check: checkLimit},
	{name: "endsync", check: oneOf("manual", "auto")},
	{name: "signal_topic", also: []string{"signal_kafka_topic"}},
	{name: "topic_prefix"},
	{name: "notification_topic", also: []string{"notification_sink_topic_name"}},
}, securityOptions...)

// sourceOption takes an option's name. Kafka's clients write dots where we write
// underscores.
func (c *cursor) sourceOption() (sourceOption, *Error) {
	at := c.next
	given, err := c.name()
	if err != nil {
		return sourceOption{}, err
	}
	underscored := strings.ReplaceAll(given, ".", "_")
	names := make([]string, len(sourceOptions))
	for i, o := range sourceOptions {
		if underscored == o.name || slices.Contains(o.also, underscored) {
			return o, nil
		}
		names[i] = o.name
	}
	err = c.fault(c.tokens[at], invalidParameter, "invalid option \"%s\"", given)
	err.Hint = join(didYouMean(given, names), "Valid options in this context are: "+strings.Join(names, ", "))
	return sourceOption{}, err
}

// optionValue is what a statement gives an option: the SQL that stands for it, and
// the value itself, unless it is a parameter, whose value nobody knows here.
type optionValue struct {
	sql, text string
	parameter bool
}

// sourceValue takes an option's value and checks it. An empty value takes the option
// away, whatever its values are. A parameter's value the routine checks.
func (c *cursor) sourceValue(o sourceOption) (optionValue, *Error) {
	if p, ok := c.parameter(); ok {
		if o.sealed {
			n, err := strconv.Atoi(p[1:])
			if err != nil {
				return optionValue{}, c.wanted("a parameter")
			}
			c.sealed = append(c.sealed, n)
		}
		return optionValue{sql: p, parameter: true}, nil
	}
	at := c.next
	value, err := c.literal()
	if err == nil && o.fold != nil {
		value = o.fold(value)
	}
	if err == nil && value != "" && o.check != nil {
		if err = o.check(o.name, value); err != nil {
			err.at = c.tokens[at].start
		}
	}
	sent := value
	if o.sealed && c.seal != nil && (c.utf8 || !isWide(value)) { // sealed, it would not be converted
		sent = c.seal(value)
	}
	return optionValue{sql: quote(sent), text: value}, err
}

// isWide says that not all characters are ASCII.
func isWide(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) >= 0
}

// options takes a list in parentheses, item by item. others are the words that
// could have stood in its place.
func (c *cursor) options(item func() *Error, others ...string) *Error {
	if !c.accept("options") {
		return c.unexpected(append([]string{"options"}, others...)...)
	}
	if !c.acceptSymbol('(') {
		return c.wanted(`"("`)
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if c.acceptSymbol(')') {
			return nil
		}
		if !c.acceptSymbol(',') {
			return c.wanted(`"," or ")"`)
		}
	}
}

// oneOf makes the check of an option that has a few values.
func oneOf(values ...string) func(option, value string) *Error {
	return func(option, value string) *Error {
		if slices.Contains(values, value) {
			return nil
		}
		return &Error{
			Code:    invalidParameter,
			Message: fmt.Sprintf("invalid value for option \"%s\": \"%s\"", option, value),
			Hint:    join(didYouMean(value, values), "Valid values are: "+strings.Join(values, ", ")),
		}
	}
}

// checkLimit checks a number of dead letters: digits only, as the catalog's
// routine reads it.
func checkLimit(option, value string) *Error {
	n, err := strconv.ParseInt(value, 10, 32)
	if err == nil && n > 0 && digits(value, len(value), 10) == len(value) {
		return nil
	}
	return &Error{
		Code:    invalidParameter,
		Message: fmt.Sprintf("invalid value for option \"%s\": \"%s\"", option, value),
		Hint:    "The value is a number from 1 to 2147483647.",
	}
}

// checkTopics checks a list of topic names and, after a ^, patterns.
func checkTopics(option, value string) *Error {
	for topic := range strings.SplitSeq(value, ",") {
		if topic = strings.TrimSpace(topic); strings.HasPrefix(topic, "^") {
			if err := checkPattern(option, topic); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkFilter checks a list of patterns.
func checkFilter(option, value string) *Error {
	for pattern := range strings.SplitSeq(value, ",") {
		if err := checkPattern(option, strings.TrimSpace(pattern)); err != nil {
			return err
		}
	}
	return nil
}

func checkPattern(option, pattern string) *Error {
	_, err := regexp.Compile(pattern)
	if err == nil {
		return nil
	}
	return &Error{
		Code: invalidRegexp,
		Message: fmt.Sprintf("invalid regular expression \"%s\" in option \"%s\": %s", pattern, option,
			strings.TrimPrefix(err.Error(), "error parsing regexp: ")),
		Hint: "Patterns are separated by commas and have RE2 syntax.",
	}
}

// join makes one hint of sentences, leaving out empty ones.
func join(sentences ...string) string {
	var some []string
	for _, s := range sentences {
		if s != "" {
			some = append(some, s)
		}
	}
	return strings.Join(some, " ")
}
