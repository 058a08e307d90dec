package parser

import "fmt"

// waitSource reads
//
//	WAIT FOR DATA SOURCE name [TIMEOUT seconds | 'interval']
//
// What is wrong with an interval PostgreSQL says.
func waitSource(c *cursor) (string, *Error) {
	name, err := c.shortName("data source")
	if err != nil {
		return "", err
	}
	if _, more := c.peek(); !more {
		return fmt.Sprintf("CALL metadb.wait_for_data_source(%s)", quote(name)), nil
	}
	if !c.accept("timeout") {
		return "", c.unexpected("timeout")
	}
	if t, ok := c.peek(); ok && t.kind == text {
		limit, err := c.literal()
		return fmt.Sprintf("CALL metadb.wait_for_data_source(%s, %s)", quote(name), quote(limit)), err
	}
	seconds, err := c.number()
	if err != nil {
		err.Hint = "A timeout is a number of seconds, or an interval such as '5 minutes'."
		return "", err
	}
	return fmt.Sprintf("CALL metadb.wait_for_data_source(%s, %s)", quote(name), quote(seconds+" s")), nil
}
