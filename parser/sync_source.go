package parser

import "fmt"

// syncSource reads
//
//	SYNC DATA SOURCE name [TABLE schema.table, …]
func syncSource(c *cursor) (string, *Error) {
	name, err := c.shortName("data source")
	if err != nil {
		return "", err
	}
	return c.sync(name)
}

// sync reads what follows the source's name, here and in ALTER DATA SOURCE.
func (c *cursor) sync(name string) (string, *Error) {
	if _, more := c.peek(); !more {
		return fmt.Sprintf("CALL metadb.sync_data_source(%s)", quote(name)), nil
	}
	if err := c.expect("table"); err != nil {
		return "", err
	}
	tables, err := c.tableNames()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("CALL metadb.sync_data_source(%s, %s)", quote(name), nameArray(tables)), nil
}
