package parser

import "fmt"

// switches start and stop the reading of a source, and a synchronization.
var switches = []string{"enable", "disable", "sync", "endsync"}

// alterSource reads
//
//	ALTER DATA SOURCE [IF EXISTS] name OPTIONS ([ADD | SET] option 'value' | DROP option, …)
//	ALTER DATA SOURCE [IF EXISTS] name ENABLE | DISABLE
//	ALTER DATA SOURCE name SYNC … | ENDSYNC …
//
// The last two take what SYNC and ENDSYNC DATA SOURCE take behind the name.
//
// The routine takes triples of an action, an option and its value, and applies
// them in order; an option without an action is added. So an option may be
// named again only after it was dropped.
func alterSource(c *cursor) (string, *Error) {
	ifExists := c.accept("if", "exists")
	name, err := c.shortName("data source")
	if err != nil {
		return "", err
	}
	switch {
	case ifExists:
	case c.accept("sync"):
		return c.sync(name)
	case c.accept("endsync"):
		return c.endsync(name)
	}
	for _, word := range switches[:2] {
		if c.accept(word) {
			return fmt.Sprintf("CALL metadb.enable_data_source(%s, %t%s)", quote(name), word == "enable", flag(ifExists)), nil
		}
	}
	var actions []string
	given := map[string]bool{}
	err = c.options(func() *Error {
		action := c.action()
		at := c.next
		o, err := c.sourceOption()
		if err != nil {
			return err
		}
		if given[o.name] {
			return c.fault(c.tokens[at], duplicateObject, "option \"%s\" provided more than once", o.name)
		}
		value := optionValue{sql: quote("")}
		if action != "drop" {
			given[o.name] = true
			value, err = c.sourceValue(o)
		}
		actions = append(actions, quote(action), quote(o.name), value.sql)
		return err
	}, switches...)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("CALL metadb.alter_data_source(%s, %s%s)", quote(name), textArray(actions), flag(ifExists)), nil
}

// action takes what is to be done with an option.
func (c *cursor) action() string {
	for _, a := range []string{"add", "set", "drop"} {
		if c.accept(a) {
			return a
		}
	}
	return "add"
}
