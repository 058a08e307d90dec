package parser

import "fmt"

// dropSource reads
//
//	DROP DATA SOURCE [IF EXISTS] name [KEEP TABLES]
func dropSource(c *cursor) (string, *Error) {
	ifExists := c.accept("if", "exists")
	name, err := c.shortName("data source")
	if err != nil {
		return "", err
	}
	if _, more := c.peek(); more && !c.accept("keep", "tables") {
		return "", c.unexpected("keep")
	}
	return fmt.Sprintf("CALL metadb.drop_data_source(%s, %t)", quote(name), ifExists), nil
}
