package parser

import "fmt"

// endsyncSource reads
//
//	ENDSYNC DATA SOURCE name [TABLE schema.table, …] [FORCE TABLE schema.table, … | FORCE ALL] [WAIT]
func endsyncSource(c *cursor) (string, *Error) {
	name, err := c.shortName("data source")
	if err != nil {
		return "", err
	}
	return c.endsync(name)
}

// endsync reads what follows the source's name, here and in ALTER DATA SOURCE.
func (c *cursor) endsync(name string) (string, *Error) {
	var tables, forced []string
	var err *Error
	if c.accept("table") {
		if tables, err = c.tableNames(); err != nil {
			return "", err
		}
	}
	all := false
	if c.accept("force") {
		switch {
		case c.accept("all"):
			all = true
		case c.accept("table"):
			if forced, err = c.tableNames(); err != nil {
				return "", err
			}
		default:
			return "", c.unexpected("table", "all")
		}
	}
	routine := "endsync_data_source"
	if c.accept("wait") {
		c.alone = true
		routine = "endsync_data_source_and_wait"
	}
	if _, more := c.peek(); more && tables == nil && forced == nil && !all && !c.alone {
		return "", c.unexpected("table", "force", "wait")
	}
	return fmt.Sprintf("CALL metadb.%s(%s, %s, %s, %t)", routine, quote(name), orNull(tables), orNull(forced), all), nil
}
