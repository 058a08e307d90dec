package parser

import "fmt"

// createOrigin reads
//
//	CREATE DATA ORIGIN [IF NOT EXISTS] name
func createOrigin(c *cursor) (string, *Error) {
	ifNotExists := c.accept("if", "not", "exists")
	name, err := c.shortName("data origin")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("CALL metadb.create_data_origin(%s, %t)", quote(name), ifNotExists), nil
}
