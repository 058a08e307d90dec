package parser

import "fmt"

// syncSource reads
//
//	SYNC DATA SOURCE name [TABLE schema.table, …] [WITH SNAPSHOT] [WAIT [FOR SNAPSHOT]]
func syncSource(c *cursor) (string, *Error) {
	name, err := c.shortName("data source")
	if err != nil {
		return "", err
	}
	return c.sync(name)
}

// sync reads what follows the source's name, here and in ALTER DATA SOURCE.
func (c *cursor) sync(name string) (string, *Error) {
	var tables []string
	var err *Error
	if c.accept("table") {
		if tables, err = c.tableNames(); err != nil {
			return "", err
		}
	}
	snapshot := c.accept("with")
	if snapshot {
		if err := c.expect("snapshot"); err != nil {
			return "", err
		}
	}
	if c.accept("wait") {
		complete := c.accept("for")
		if complete {
			if err := c.expect("snapshot"); err != nil {
				return "", err
			}
		}
		c.alone = true
		return fmt.Sprintf("CALL metadb.sync_data_source_and_wait(%s, %s, %t, %t)", quote(name), orNull(tables), snapshot, complete), nil
	}
	if _, more := c.peek(); more && tables == nil && !snapshot {
		return "", c.unexpected("table", "with", "wait")
	}
	return fmt.Sprintf("CALL metadb.sync_data_source(%s, %s, %t)", quote(name), orNull(tables), snapshot), nil
}
