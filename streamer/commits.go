package streamer

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// applied notes that everything before next is in the warehouse.
func (c *consumer) applied(part partition, next int64) {
	c.lag.applied(part, next)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done[part] = next
}

// commitEvery tells the group how far the warehouse is, as a courtesy to those
// who watch its lag. Failures do not matter.
func (c *consumer) commitEvery(ctx context.Context) error {
	for {
		if err := sleep(ctx, commitEvery); err != nil {
			return err
		}
		c.commit(ctx)
	}
}

func (c *consumer) commit(ctx context.Context) {
	c.mu.Lock()
	offsets := make(map[string]map[int32]kgo.EpochOffset)
	for part, next := range c.done {
		if offsets[part.topic] == nil {
			offsets[part.topic] = make(map[int32]kgo.EpochOffset)
		}
		offsets[part.topic][part.id] = kgo.EpochOffset{Epoch: -1, Offset: next}
	}
	clear(c.done)
	c.mu.Unlock()
	if len(offsets) > 0 {
		c.reached("group.before")
		c.client.CommitOffsetsSync(ctx, offsets, nil)
		c.reached("group.after")
	}
}

// endsEvery asks the brokers where the topics end, for the lag. Failures do not
// matter.
func (c *consumer) endsEvery(ctx context.Context) error {
	admin := kadm.NewClient(c.client)
	for {
		if err := sleep(ctx, c.endsPause); err != nil {
			return err
		}
		topics := c.lag.topics()
		if len(topics) == 0 {
			continue
		}
		if ends, err := admin.ListCommittedOffsets(ctx, topics...); err == nil {
			c.lag.ends(ends, time.Now())
		}
	}
}
