package streamer

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"

	"metadb/catalog"
)

// letters is what a source does with events that cannot be applied: it sets them
// aside as dead letters, up to a limit, or stops at the first. A stopped source
// has lost nothing; it tries again from the same event.
type letters struct {
	source string
	stop   bool
	limit  int64

	stored   atomic.Int64 // in the catalog
	admitted atomic.Int64 // those, and those of batches under way
}

// newLetters reads the options of a source.
func newLetters(s catalog.Source) (*letters, error) {
	l := &letters{source: s.Name, stop: s.OnBadEvent == catalog.BadEventStop, limit: catalog.DefaultDeadLetterLimit}
	if s.DeadLetterLimit != "" {
		var err error
		if l.limit, err = strconv.ParseInt(s.DeadLetterLimit, 10, 64); err != nil || l.limit < 1 {
			return nil, fmt.Errorf("option dead_letter_limit: %q is not a number above zero", s.DeadLetterLimit)
		}
	}
	return l, nil
}

// begin counts what is stored, at the start of a run, and fails at the limit.
func (l *letters) begin(ctx context.Context, c *catalog.Catalog) error {
	n, err := c.CountDeadLetters(ctx, l.source)
	if err != nil {
		return err
	}
	l.stored.Store(n)
	l.admitted.Store(n)
	return l.full()
}

// admit says whether one more event may be set aside; the error ends the run
// before it.
func (l *letters) admit(part partition, offset int64, reason error) error {
	if l.stop {
		return &stopped{part: part, offset: offset, error: fmt.Errorf("event of topic %s, partition %d, offset %d cannot be applied, and option on_bad_event is stop: %w",
			part.topic, part.id, offset, reason)}
	}
	if n := l.admitted.Add(1); n > l.limit {
		l.admitted.Add(-1)
		return &stopped{error: l.overflow()}
	}
	return nil
}

// wrote counts letters that were stored.
func (l *letters) wrote(n int) { l.stored.Add(int64(n)) }

// dropped counts letters of batches that are read again, and so come again.
func (l *letters) dropped(n int) { l.admitted.Add(-int64(n)) }

// resolved counts a letter that is no more.
func (l *letters) resolved() {
	l.stored.Add(-1)
	l.admitted.Add(-1)
}

// full fails when the source has as many dead letters as it may.
func (l *letters) full() error {
	if l.stored.Load() < l.limit {
		return nil
	}
	return l.overflow()
}

func (l *letters) overflow() error {
	return fmt.Errorf("the source has %d dead letters, which is as many as option dead_letter_limit allows; "+
		"replay them, delete them from metadb.dead_letter, or raise the limit", l.stored.Load())
}

// stopped is the reason for which a source goes no further than an event. What
// lies before that event is applied first.
type stopped struct {
	error
	part   partition // zero: the reason does not lie in this event
	offset int64
}

func (s *stopped) Unwrap() error { return s.error }

// last hands over what was read before the event that stops the source, and waits
// until it is applied: the run's end would throw it away.
func (r *reader) last(ctx context.Context) {
	if r.batch.Records == 0 {
		return
	}
	r.seal()
	select {
	case r.out <- r.batch:
	case <-ctx.Done():
		return
	}
	for {
		select {
		case b := <-r.free:
			if b == r.batch {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
