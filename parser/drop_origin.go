package parser

import "fmt"

// dropOrigin reads
//
//	DROP DATA ORIGIN [IF EXISTS] name
func dropOrigin(c *cursor) (string, *Error) {
	ifExists := c.accept("if", "exists")
	name, err := c.shortName("data origin")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("CALL metadb.drop_data_origin(%s, %t)", quote(name), ifExists), nil
}
