package streamer

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"metadb/catalog"
	"metadb/warehouse"
)

// defaultMaxWait is the parameter schema_change_max_wait unless it is set.
const defaultMaxWait = 5 * time.Minute

// makeChange makes a pending schema change on a connection of its own, however
// long it waits for locks or takes. An error that trying again does not remove is
// left to the table's next event, which meets it again and shows it.
func (w *worker) makeChange(ctx context.Context, stream catalog.Stream, k holdKey, p *warehouse.Pending) {
	how := w.patience(k)
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = time.Second, 30*time.Second
	for {
		err := w.tryChange(ctx, stream, p, how)
		if err == nil || ctx.Err() != nil {
			return
		}
		w.log.Error("table cannot be changed", "source", w.source.Name, "table", k.tableKey.String(), "error", err.Error())
		if _, ok := warehouse.TableFault(err); ok || warehouse.IsEventFault(err) || errors.Is(err, warehouse.ErrFenced) {
			return
		}
		w.report.table(k.String(), p.Error()+": "+err.Error())
		if sleep(ctx, pauses.NextBackOff()) != nil {
			return
		}
	}
}

// patience is how a table waits for locks.
func (w *worker) patience(k holdKey) warehouse.Patience {
	return warehouse.Patience{
		MaxWait: w.maxWait, Blockers: w.opt.Catalog.Blockers,
		Waiting: func(reason string) { w.report.table(k.String(), reason) },
	}
}

func (w *worker) tryChange(ctx context.Context, stream catalog.Stream, p *warehouse.Pending, how warehouse.Patience) error {
	applier, err := warehouse.Open(ctx, w.opt.Warehouse, warehouse.Options{Source: w.source.Name, Stream: stream, Log: w.log, Reached: w.opt.Reached})
	if err != nil {
		return err
	}
	defer applier.Close(ctx)
	return p.Make(ctx, applier, how)
}
