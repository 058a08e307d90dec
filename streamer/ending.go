package streamer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"metadb/catalog"
	"metadb/warehouse"
)

// sweepMarksEvery is how often the server looks for marks that are worth nothing, and
// for tables of which a count is wanted.
const sweepMarksEvery = 2 * time.Second

// endsyncAll ends synchronizations as requests ask for it, beside the stream and
// whether or not the brokers can be reached, and between them counts and sweeps.
func (w *worker) endsyncAll(ctx context.Context) {
	again := backoff.NewExponentialBackOff()
	again.InitialInterval, again.MaxInterval = 100*time.Millisecond, 30*time.Second
	tick := time.NewTicker(sweepMarksEvery)
	defer tick.Stop()
	for {
		err := w.guarded(ctx, w.endsyncNext)
		if err == nil {
			err = w.guarded(ctx, w.tendMarks)
		}
		if ctx.Err() != nil {
			return
		}
		pause := time.Duration(0)
		if err != nil {
			pause = again.NextBackOff()
			w.repeats.tell(slog.LevelError, "cannot tend the synchronization", err, "source", w.source.Name, "retry_in", pause.Round(time.Millisecond).String())
		} else {
			again.Reset()
		}
		if pause > 0 {
			if sleep(ctx, pause) != nil {
				return
			}
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-w.endsyncs:
		case <-tick.C:
		}
	}
}

// endsyncNext ends a resynchronization, if a request asks for it.
func (w *worker) endsyncNext(ctx context.Context) error {
	request, err := w.endsyncRequest(ctx, catalog.SyncResync)
	if err != nil || request == nil {
		return err
	}
	return w.endsync(ctx, *request)
}

// endsyncRequest is the source's open request to end a synchronization of a mode.
func (w *worker) endsyncRequest(ctx context.Context, mode int16) (*catalog.SyncRequest, error) {
	requests, err := w.opt.Catalog.SyncRequests(ctx, w.source.Name)
	if err != nil {
		return nil, err
	}
	for i := range requests {
		if requests[i].Kind != catalog.RequestEndsync {
			continue
		}
		is, err := w.opt.Catalog.SyncMode(ctx, w.source.Name)
		if errors.Is(err, catalog.ErrNoSource) {
			return nil, nil
		}
		if err != nil || is != mode {
			return nil, err
		}
		return &requests[i], nil
	}
	return nil, nil
}

func (w *worker) endsync(ctx context.Context, request catalog.SyncRequest) error {
	began := time.Now()
	w.log.Info("endsync begins", "source", w.source.Name, "request", request.ID)
	result, err := warehouse.Endsync(ctx, w.opt.Warehouse, warehouse.EndsyncOptions{
		Source: w.source.Name, Request: request, Log: w.log, Reached: w.opt.Reached,
	})
	switch {
	case err != nil:
		return err
	case result.Refused != "":
		done := "nothing was closed"
		if result.Closed > 0 {
			done = fmt.Sprintf("broken off after %d records", result.Closed)
		}
		w.log.Warn("endsync refused; "+done, "source", w.source.Name, "request", request.ID, "reason", result.Refused)
		return w.opt.Catalog.FinishRequest(ctx, request.ID, true, done+": "+result.Refused)
	}
	w.log.Info("endsync completed", "source", w.source.Name, "request", request.ID, "closed", result.Closed,
		"took", time.Since(began).Round(time.Millisecond).String())
	if result.Early {
		w.log.Warn("an endsync closed records before the snapshot was known to be complete; resynchronize the source",
			"source", w.source.Name, "closed", result.Closed)
	}
	return nil
}

// tendMarks counts tables of which a count is wanted, and sweeps marks that are worth
// nothing any more.
func (w *worker) tendMarks(ctx context.Context) error {
	for {
		more, err := w.opt.Catalog.CountSync(ctx, w.source.Name)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	if err := w.opt.Catalog.DropUnadopted(ctx, w.source.Name, w.sync.keep); err != nil {
		return err
	}
	return w.opt.Catalog.SweepMarks(ctx, w.source.Name)
}

// endInitial ends an initial synchronization, if a request asks for it: text columns
// that hold UUIDs become uuid, as in Metadb 1.4. It takes its turn with the batches,
// since it changes what the applier knows of the tables.
func (a *applying) endInitial(ctx context.Context) error {
	request, err := a.endsyncRequest(ctx, catalog.SyncInitial)
	if err != nil || request == nil {
		return err
	}
	if err := a.opt.Catalog.ProgressRequest(ctx, request.ID, 0, 0, "refreshing inferred column types"); err != nil {
		return err
	}
	a.log.Info("endsync: refreshing inferred column types", "source", a.source.Name)
	converted, err := a.applier.InferUUID(ctx)
	if err != nil {
		return fmt.Errorf("endsync: %w", err)
	}
	a.opt.Reached("initial.inferred")
	sync, err := a.opt.Catalog.Sync(ctx, a.source.Name, a.sync.keep)
	if err != nil {
		return err
	}
	if sync != nil && sync.Adopted && sync.Marks != catalog.MarksNone {
		// An attempt to take the snapshot was broken off: its leftovers are closed.
		if err := a.endsync(ctx, *request); err != nil {
			return err
		}
		return a.open(ctx)
	}
	detail := "no column converted"
	if len(converted) > 0 {
		detail = "converted to type uuid: " + strings.Join(converted, ", ")
	}
	if err := a.opt.Catalog.EndInitial(ctx, a.source.Name, a.stream, request.ID, detail); err != nil {
		return err
	}
	a.log.Info("endsync completed", "source", a.source.Name, "request", request.ID, "converted", len(converted))
	return a.open(ctx)
}
