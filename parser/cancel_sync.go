package parser

import "fmt"

// cancelSync reads
//
//	CANCEL SYNC DATA SOURCE name
func cancelSync(c *cursor) (string, *Error) {
	name, err := c.shortName("data source")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("CALL metadb.cancel_sync(%s)", quote(name)), nil
}
