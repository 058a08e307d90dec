package streamer

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"metadb/catalog"
)

// watchEvery is how often a synchronizing source is looked at.
const watchEvery = 500 * time.Millisecond

// completion knows when a snapshot is complete (rule R18). Its last record may be
// written before those of other partitions are, so their ends are taken only when a
// grace has passed since; when they are reached, all of it is applied. A record of
// the snapshot that comes later reopens it. Where no last record comes, a notification of
// the connector counts in its place, else silence, as in Metadb 1.4.
type completion struct {
	*worker
	consumer *consumer
	notices  *notices
	readable func(context.Context) (map[partition]int64, error) // the consumer's, but for tests without a broker
	began    time.Time                                          // of this run, from which silence counts at the earliest
	ends     map[partition]int64                                // to be reached; nil: not taken yet
	taken    catalog.Snapshot                                   // as it was when they were
}

// watch follows the source's snapshot until ctx ends.
func (c *completion) watch(ctx context.Context) error {
	for {
		if err := sleep(ctx, watchEvery); err != nil {
			return err
		}
		if err := c.look(ctx); err != nil && ctx.Err() == nil {
			c.log.Debug("cannot follow the snapshot", "source", c.source.Name, "error", err.Error())
		}
	}
}

func (c *completion) look(ctx context.Context) error {
	c.opt.Reached("complete.look")
	s, err := c.opt.Catalog.Snapshot(ctx, c.source.Name)
	if err != nil || s == nil || s.CompleteAt != nil {
		c.ends = nil
		return err
	}
	if c.ends != nil && !c.same(s) {
		c.ends = nil
	}
	by, why, quiet := catalog.CompleteByMarks, "all snapshot records applied", s.Quiet
	if !s.AllLast {
		since, said := c.notices.completed(s, time.Now())
		if !said {
			return c.deadline(ctx, s)
		}
		by, why, quiet = catalog.CompleteByNotification, "the connector has said so, and all snapshot records are applied", since
		if s.SeenAt != nil {
			quiet = min(quiet, s.Quiet)
		}
	}
	if quiet < c.sync.grace {
		return nil
	}
	if c.ends == nil {
		if c.ends, err = c.readable(ctx); err != nil {
			return err
		}
		c.taken = *s
	}
	if !c.consumer.lag.reached(c.ends) {
		return nil
	}
	return c.complete(ctx, s, by, why)
}

// same says whether no record of the snapshot has come since the ends were taken.
func (c *completion) same(s *catalog.Snapshot) bool {
	if s.SeenAt == nil || c.taken.SeenAt == nil {
		return s.Generation == c.taken.Generation && s.SeenAt == c.taken.SeenAt
	}
	return s.Generation == c.taken.Generation && s.SeenAt.Equal(*c.taken.SeenAt)
}

// deadline completes a snapshot after a long silence, if everything is applied.
func (c *completion) deadline(ctx context.Context, s *catalog.Snapshot) error {
	quiet := time.Since(c.began)
	if s.SeenAt != nil {
		quiet = min(quiet, s.Quiet)
	}
	if quiet < c.sync.deadline {
		return nil
	}
	ends, err := c.readable(ctx)
	if err != nil || !c.consumer.lag.reached(ends) {
		return err
	}
	return c.complete(ctx, s, catalog.CompleteByDeadline, "deadline exceeded")
}

// readable are the ends of all partitions that the source reads, now.
func (c *consumer) readable(ctx context.Context) (map[partition]int64, error) {
	admin := kadm.NewClient(c.client)
	topics, err := matching(ctx, admin, c.source.Topics)
	if err != nil {
		return nil, err
	}
	ends := make(map[partition]int64)
	if len(topics) == 0 {
		return ends, nil
	}
	offsets, err := admin.ListCommittedOffsets(ctx, topics.Names()...)
	if err != nil {
		return nil, fmt.Errorf("list end offsets: %w", err)
	}
	for _, t := range topics {
		for _, p := range t.Partitions {
			end, ok := offsets.Lookup(t.Topic, p.Partition)
			if !ok || end.Err != nil {
				return nil, fmt.Errorf("topic %s, partition %d: offsets are not available", t.Topic, p.Partition)
			}
			ends[partition{t.Topic, p.Partition}] = end.Offset
		}
	}
	return ends, nil
}

func (c *completion) complete(ctx context.Context, s *catalog.Snapshot, by, why string) error {
	c.opt.Reached("complete.before")
	done, err := c.opt.Catalog.CompleteSnapshot(ctx, c.source.Name, *s, by, c.source.Endsync == catalog.EndsyncAuto)
	if err != nil || !done {
		return err
	}
	c.log.Info("source \"" + c.source.Name + "\" snapshot complete (" + why + "); consider running \"metadb endsync\"")
	c.opt.Reached("complete.after")
	c.wake()
	return nil
}

// reached says whether everything before the given ends is applied. Partitions that
// are not assigned yet are not reached, unless they are empty.
func (m *lagMeter) reached(ends map[partition]int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, end := range ends {
		if part := m.parts[p]; end > 0 && (part == nil || part.next < end) {
			return false
		}
	}
	return true
}
