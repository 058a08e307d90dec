package debezium

import (
	"log/slog"
	"time"

	"metadb/change"
)

// nullLogEvery is how often at most a column's bad values are logged.
const nullLogEvery = time.Minute

// nulling turns bad values into NULL where the source's options say so: a date
// that is none can never become right, and the rest of its row may matter more.
// A value of a key is never touched.
type nulling struct {
	on      bool
	now     func() time.Time
	log     *slog.Logger
	columns map[nulledColumn]*nulled
}

type nulledColumn struct{ schema, table, column string }

// nulled counts a column's bad values since they were logged.
type nulled struct {
	count  int
	logged time.Time
}

// note counts a bad value and logs its column from time to time, never the value.
func (n *nulling) note(ev *change.Event, column string, rule Rule) {
	ev.Nulled++
	name := nulledColumn{ev.Schema, ev.Table, column}
	c := n.columns[name]
	if c == nil {
		if n.columns == nil || len(n.columns) >= maxEntries {
			n.columns = make(map[nulledColumn]*nulled)
		}
		c = new(nulled)
		n.columns[name] = c
	}
	c.count++
	now := n.now()
	if !c.logged.IsZero() && now.Sub(c.logged) < nullLogEvery {
		return
	}
	n.log.Warn("bad value stored as NULL", "schema", ev.Schema, "table", ev.Table, "column", column,
		"rule", string(rule), "values", c.count)
	c.count, c.logged = 0, now
}
