package parser

import "fmt"

// explainEndsync reads
//
//	EXPLAIN ENDSYNC DATA SOURCE name
func explainEndsync(c *cursor) (string, *Error) {
	name, err := c.shortName("data source")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("SELECT * FROM metadb.explain_endsync(%s)", quote(name)), nil
}
