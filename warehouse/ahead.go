package warehouse

import (
	"context"
	"time"

	"metadb/change"
)

// aheadBy is how long before a new year its partitions are made, so that not all
// tables ask for theirs with the first events of January.
const aheadBy = 31 * 24 * time.Hour

// aheadPause is how long nothing is made ahead after a table's locks were taken.
const aheadPause = time.Minute

// makeAhead makes the partition of the coming year for one table of a batch that
// lacks it. It never fails or waits: there is time, and the year's first event
// makes what is missing.
func (a *Applier) makeAhead(ctx context.Context, b *change.Batch) {
	now := a.opt.Now().UTC()
	year := now.Add(aheadBy).Year()
	if year == now.Year() || now.Sub(a.ahead) < aheadPause {
		return
	}
	var last *change.Target
	for i := range b.Events {
		if b.Events[i].Target == last {
			continue
		}
		last = b.Events[i].Target
		n := tableName{last.Schema, last.Table}
		t := a.tables[n]
		if t == nil || t.fault != nil || t.years[year] || !t.years[now.Year()] {
			continue
		}
		if _, err := a.evolve(ctx, n, delta{year: year}); err != nil {
			a.ahead = now
			a.opt.Log.Debug("year not made ahead", "source", a.source, "table", n.String(), "year", year, "error", err.Error())
		}
		return
	}
}
