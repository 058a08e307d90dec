package streamer

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"metadb/catalog"
	"metadb/warehouse"
)

// startDrop begins to drop the tables of a dropped source, whose worker has
// ended. The caller holds mu.
func (s *Streamer) startDrop(ctx context.Context, source string) {
	if s.dropping[source] {
		return
	}
	s.dropping[source] = true
	s.drops.Add(1)
	go func() {
		defer s.drops.Done()
		s.drop(ctx, source)
	}()
}

// drop finishes the requests to drop tables of a source, however often it must
// try, and then lets a source of this name begin.
func (s *Streamer) drop(ctx context.Context, source string) {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 100*time.Millisecond, 30*time.Second
	for ctx.Err() == nil {
		done, err := s.dropOnce(ctx, source)
		if err == nil && done {
			break
		}
		if err != nil {
			if ctx.Err() == nil {
				s.opt.Log.Warn("cannot drop tables", "source", source, "error", err.Error())
			}
			_ = sleep(ctx, b.NextBackOff())
		}
	}
	s.mu.Lock()
	delete(s.dropping, source)
	s.mu.Unlock()
	// Without this the next change of the catalog starts what has waited.
	if err := s.opt.Catalog.Touch(ctx); err != nil && ctx.Err() == nil {
		s.opt.Log.Warn("cannot go on after dropping tables", "source", source, "error", err.Error())
	}
}

// dropOnce works on the next request; done says that there is none.
func (s *Streamer) dropOnce(ctx context.Context, source string) (done bool, err error) {
	request, err := s.opt.Catalog.TakeRequest(ctx, source, catalog.RequestDropTables)
	if err != nil || request == nil {
		return err == nil, err
	}
	s.opt.Reached("drop.taken")
	note := func(detail string) {
		if err := s.opt.Catalog.NoteRequest(ctx, request.ID, detail); err != nil {
			s.opt.Log.Debug("cannot note progress", "request", request.ID, "error", err.Error())
		}
	}
	if err := s.opt.Catalog.ForgetStream(ctx, source); err != nil {
		note(err.Error())
		return false, err
	}
	s.opt.Reached("drop.forgotten")
	dropped, kept, err := warehouse.DropTables(ctx, s.opt.Warehouse, warehouse.DropOptions{
		Source: source, Log: s.opt.Log, Reached: s.opt.Reached, Progress: note,
	})
	if err != nil {
		note(err.Error())
		return false, err
	}
	s.opt.Reached("drop.done")
	detail := fmt.Sprintf("%d of %d tables dropped", dropped, dropped+len(kept))
	if len(kept) > 0 {
		detail += "; kept: " + strings.Join(kept, "; ")
	}
	s.opt.Log.Info("tables of a dropped source", "source", source, "dropped", dropped, "kept", len(kept))
	return false, s.opt.Catalog.FinishRequest(ctx, request.ID, len(kept) > 0, detail)
}
