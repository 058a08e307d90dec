package parser

import (
	"fmt"
	"slices"
)

// sourceTypes are the types that a data source may have.
var sourceTypes = []string{"kafka"}

// createSource reads
//
//	CREATE DATA SOURCE [IF NOT EXISTS] name TYPE type OPTIONS (option 'value', …)
//
// The routine takes the options as alternating names and values.
func createSource(c *cursor) (string, *Error) {
	ifNotExists := c.accept("if", "not", "exists")
	name, err := c.shortName("data source")
	if err != nil {
		return "", err
	}
	if err := c.expect("type"); err != nil {
		return "", err
	}
	at := c.next
	kind, err := c.part()
	if err != nil {
		return "", err
	}
	if !slices.Contains(sourceTypes, kind) {
		err := c.fault(c.tokens[at], invalidParameter, "invalid data source type \"%s\"", kind)
		err.Hint = join(didYouMean(kind, sourceTypes), "The type of a data source is kafka.")
		return "", err
	}
	var options []string
	given := map[string]token{}
	values := map[string]optionValue{}
	err = c.options(func() *Error {
		at := c.next
		o, err := c.sourceOption()
		if err != nil {
			return err
		}
		if _, twice := given[o.name]; twice {
			return c.fault(c.tokens[at], duplicateObject, "option \"%s\" provided more than once", o.name)
		}
		given[o.name] = c.tokens[at]
		value, err := c.sourceValue(o)
		options = append(options, quote(o.name), value.sql)
		values[o.name] = value
		return err
	})
	if err != nil {
		return "", err
	}
	for _, o := range securityOptions {
		if hint := misfit(o.name, values); hint != "" {
			err := c.fault(given[o.name], invalidParameter, "option \"%s\" does not fit the others", o.name)
			err.Hint = hint
			return "", err
		}
	}
	return fmt.Sprintf("CALL metadb.create_data_source(%s, %s, %s, %t)",
		quote(name), quote(kind), textArray(options), ifNotExists), nil
}
