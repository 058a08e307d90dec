package parser

import "fmt"

// dropSource reads
//
//	DROP DATA SOURCE [IF EXISTS] name [KEEP TABLES | DROP TABLES]
func dropSource(c *cursor) (string, *Error) {
	ifExists := c.accept("if", "exists")
	name, err := c.shortName("data source")
	if err != nil {
		return "", err
	}
	drop := false
	if _, more := c.peek(); more {
		if drop = c.accept("drop"); !drop && !c.accept("keep") {
			return "", c.unexpected("keep", "drop")
		}
		if err := c.expect("tables"); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("CALL metadb.drop_data_source(%s, %t%s)", quote(name), ifExists, flag(drop)), nil
}
