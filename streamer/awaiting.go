package streamer

import (
	"context"
	"strconv"
	"time"

	"metadb/catalog"
	"metadb/warehouse"
)

// blockersEvery is how often a batch that takes long is looked at for who is in
// its way. It is shorter than a batch waits for a lock.
const blockersEvery = 200 * time.Millisecond

// lookForBlockers looks, while the applier works, which processes it waits for. The
// function that it returns ends that, and tells the last ones.
func (a *applying) lookForBlockers(ctx context.Context) func() []int32 {
	pid, ended, found := a.applier.PID(), make(chan struct{}), make(chan []int32, 1)
	go func() {
		tick := time.NewTicker(blockersEvery)
		defer tick.Stop()
		var last []int32
		for {
			select {
			case <-tick.C:
				if pids, err := a.opt.Catalog.Blockers(ctx, pid); err == nil && len(pids) > 0 {
					last = pids
				}
			case <-ctx.Done():
				found <- last
				return
			case <-ended:
				found <- last
				return
			}
		}
	}()
	return func() []int32 {
		close(ended)
		return <-found
	}
}

// awaitLock waits until a lock on a table is given up. A lock on rows is not found:
// then only time passes.
func (w *worker) awaitLock(ctx context.Context, k holdKey, pause time.Duration) {
	how, began, seen := w.patience(k), time.Now(), false
	show := how.Waiting
	how.Waiting = func(reason string) { seen = true; show(reason) }
	err := warehouse.AwaitLock(ctx, w.opt.Warehouse, k.schema, k.table, how)
	if err != nil && ctx.Err() == nil {
		w.log.Warn("cannot wait for a lock", "source", w.source.Name, "table", k.tableKey.String(), "error", err.Error())
	}
	if !seen || err != nil {
		_ = sleep(ctx, pause-time.Since(began))
	}
}

// defaultKeyWait is the parameter key_max_wait unless it is set.
const defaultKeyWait = 5 * time.Minute

// keyEvery is how often the catalog is asked for a key that a table waits for.
const keyEvery = 250 * time.Millisecond

// awaitKey waits until the key of a table is known, whoever brings it, or until it
// was waited for long enough.
func (w *worker) awaitKey(ctx context.Context, k holdKey) {
	for {
		state, err := w.opt.Catalog.AwaitKey(ctx, w.source.Name, k.schema, k.table, w.keyWait)
		switch {
		case err != nil && ctx.Err() == nil:
			w.log.Debug("cannot look for a key", "source", w.source.Name, "table", k.tableKey.String(), "error", err.Error())
		case state == catalog.KeyGivenUp:
			w.log.Warn("the key of the table did not come; events that need it become dead letters",
				"source", w.source.Name, "table", k.tableKey.String(), "waited", w.keyWait.String())
			return
		case state == catalog.KeyKnown:
			return
		}
		if sleep(ctx, keyEvery) != nil {
			return
		}
	}
}

// milliseconds reads a parameter of the catalog.
func milliseconds(config map[string]string, parameter string, other time.Duration) time.Duration {
	ms, err := strconv.ParseInt(config[parameter], 10, 32)
	if err != nil || ms < 1 {
		return other
	}
	return time.Duration(ms) * time.Millisecond
}
