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
	given := map[string]bool{}
	err = c.options(func() *Error {
		at := c.next
		o, err := c.sourceOption()
		if err != nil {
			return err
		}
		if given[o.name] {
			return c.fault(c.tokens[at], duplicateObject, "option \"%s\" provided more than once", o.name)
		}
		given[o.name] = true
		value, err := c.sourceValue(o)
		options = append(options, quote(o.name), value)
		return err
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("CALL metadb.create_data_source(%s, %s, %s, %t)",
		quote(name), quote(kind), textArray(options), ifNotExists), nil
}
