package streamer

import (
	"context"
	"fmt"
	"runtime/debug"
)

// guarded runs f. A panic in it becomes its error: a fault of ours ends a run of one
// source, which begins again at what is committed, and not the server with all its
// sources and sessions.
func (w *worker) guarded(ctx context.Context, f func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.log.Error("panic", "source", w.source.Name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("internal error, see the log: %v", p)
		}
	}()
	return f(ctx)
}

// guarded waits as f does; after a panic in it for a while, since it would come again.
func (h *holds) guarded(f func()) {
	err := h.worker.guarded(h.ctx, func(context.Context) error { f(); return nil })
	if err != nil {
		_ = sleep(h.ctx, h.worker.opt.refusedPause)
	}
}
