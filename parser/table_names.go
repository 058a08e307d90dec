package parser

// tableNames takes one or more names of tables, schema.table, and returns schemas
// and tables alternately.
func (c *cursor) tableNames() ([]string, *Error) {
	var names []string
	for {
		for i := range 2 {
			if i == 1 && !c.acceptSymbol('.') {
				err := c.unexpected()
				if err.Hint == "" {
					err.Hint = "A table is named with its schema: schema.table."
				}
				return nil, err
			}
			name, err := c.part()
			if err != nil {
				return nil, err
			}
			names = append(names, name)
		}
		if !c.acceptSymbol(',') {
			return names, nil
		}
	}
}

// orNull is an array, or NULL where a list was not given.
func orNull(names []string) string {
	if names == nil {
		return "NULL"
	}
	return nameArray(names)
}

// nameArray is an array of names.
func nameArray(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = quote(n)
	}
	return textArray(quoted)
}
