package parser

import (
	"fmt"
	"strings"
)

// replayDeadLetters reads
//
//	REPLAY DEAD LETTERS IN DATA SOURCE name [ID number, …]
//
// Without numbers it is all of the source's.
func replayDeadLetters(c *cursor) (string, *Error) {
	for _, word := range []string{"in", "data", "source"} {
		if err := c.expect(word); err != nil {
			return "", err
		}
	}
	name, err := c.shortName("data source")
	if err != nil {
		return "", err
	}
	if _, more := c.peek(); !more {
		return fmt.Sprintf("CALL metadb.replay_dead_letters(%s)", quote(name)), nil
	}
	if err := c.expect("id"); err != nil {
		return "", err
	}
	var ids []string
	for {
		id, err := c.number()
		if err != nil {
			return "", err
		}
		ids = append(ids, id)
		if !c.acceptSymbol(',') {
			break
		}
	}
	return fmt.Sprintf("CALL metadb.replay_dead_letters(%s, ARRAY[%s]::bigint[])", quote(name), strings.Join(ids, ",")), nil
}
