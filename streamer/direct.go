package streamer

import (
	"context"
	"fmt"
	"slices"

	"metadb/catalog"
)

// Attend does once for one source what its worker does about synchronizations: begins
// and cancels them, ends them, and counts. It is for a command that has taken the
// server's lock, as no server runs; nothing is streamed. A disabled source is attended
// to as well. The brokers are asked only where a synchronization is to begin. It fails
// with catalog.ErrNoSource.
func Attend(ctx context.Context, opt Options, source string) error {
	opt = New(opt).opt // with defaults
	sources, err := opt.Catalog.Sources(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(sources, func(s catalog.Source) bool { return s.Name == source })
	if i < 0 {
		return fmt.Errorf("%s: %w", source, catalog.ErrNoSource)
	}
	config, err := opt.Catalog.Config(ctx)
	if err != nil {
		return err
	}
	w := newWorker(opt, sources[i], nil, config)
	stream, err := opt.Catalog.OpenStream(ctx, w.source)
	if err != nil {
		return err
	}
	if stream, err = w.turn(ctx, stream); err != nil {
		return err
	}
	a := &applying{worker: w, stream: stream}
	if err := a.open(ctx); err != nil {
		return err
	}
	defer func() { a.applier.Close(ctx) }()
	if err := a.endInitial(ctx); err != nil {
		return err
	}
	if err := w.endsyncNext(ctx); err != nil {
		return err
	}
	return w.tendMarks(ctx)
}
