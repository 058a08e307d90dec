package compare

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// checkHistory looks for histories that cannot be: a version that ends before
// it begins, or two versions of a key at one time.  A version of some duration
// that is there twice is the latter.
func checkHistory(ctx context.Context, w *warehouse, t *table, name pgx.Identifier, limit int) ([]*Table, error) {
	columns, types, err := w.columns(ctx, name)
	if err != nil || len(columns) == 0 || len(t.key) == 0 {
		return nil, err // without a key, versions cannot be told from equal rows
	}
	result := &Table{Check: History, Schema: t.Schema, Name: t.Name, limit: limit}
	key := []string{"__origin"}
	for _, i := range t.key {
		if _, ok := types[t.Columns[i].Name]; !ok {
			return nil, nil // the current rows tell that the column is missing
		}
		key = append(key, pgx.Identifier{t.Columns[i].Name}.Sanitize())
	}
	list := strings.Join(key, ", ")
	// Of versions that begin in one millisecond, that with the later end is
	// the later one, and it may only be one.
	rows, err := w.text(ctx, `
SELECT bad, concat_ws(',', `+strings.Join(key[1:], ", ")+`), __start, __end, next
FROM (SELECT `+list+`, __start, __end, next,
             CASE WHEN __end < __start THEN 'ends before it begins'
                  WHEN __end > next THEN 'runs into the next version' END AS bad
      FROM (SELECT `+list+`, __start, __end,
                   lead(__start) OVER (PARTITION BY `+list+` ORDER BY __start, __end) AS next
            FROM `+name.Sanitize()+`) versions) judged
WHERE bad IS NOT NULL`)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		result.add(Difference{Reason: BadHistory, Key: row[1].Text,
			Got: row[0].Text + ": " + row[2].Text + " to " + row[3].Text + ", next from " + row[4].String()})
	}
	count, err := w.text(ctx, "SELECT count(*) FROM "+name.Sanitize())
	if err != nil {
		return nil, err
	}
	for _, row := range count {
		result.Notes = append(result.Notes, row[0].Text+" versions")
	}
	result.conclude()
	return []*Table{result}, nil
}
