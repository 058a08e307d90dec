package parser

import "strings"

// lists are what can be listed, each with its query.
var lists = []struct{ name, query string }{
	{"status", "SELECT * FROM metadb.status"},
	{"config", "SELECT * FROM metadb.config ORDER BY parameter"},
	{"data_sources", "SELECT * FROM metadb.data_sources"},
	{"data_origins", "SELECT * FROM metadb.data_origins"},
	{"dead_letters", "SELECT * FROM metadb.dead_letters"},
	{"requests", "SELECT * FROM metadb.requests"},
	{"sync_status", "SELECT * FROM metadb.sync_status"},
	{"activity", "SELECT * FROM metadb.activity ORDER BY id"},
}

// list reads
//
//	LIST [AS] status | config | data_sources | data_origins | dead_letters | requests | sync_status | activity
//
// AS is what BI tools make of it that take a statement for an expression.
func list(c *cursor) (string, *Error) {
	c.accept("as")
	at := c.next
	given, err := c.part()
	names := make([]string, len(lists))
	for i, l := range lists {
		if err == nil && given == l.name {
			return l.query, nil
		}
		names[i] = l.name
	}
	if err != nil {
		err.Hint = "Valid parameters are: " + strings.Join(names, ", ")
		return "", err
	}
	err = c.fault(c.tokens[at], invalidParameter, "unrecognized parameter \"%s\"", given)
	err.Hint = join(didYouMean(given, names), "Valid parameters are: "+strings.Join(names, ", "))
	return "", err
}
