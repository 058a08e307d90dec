package streamer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/catalog"
	"metadb/change"
	"metadb/debezium"
)

// consumer is a Kafka client that reads the partitions of one stream from the
// positions that we store. The group spreads partitions and shows lag to others'
// tools; its own offsets are never read but for the way in from Metadb 1.4.
type consumer struct {
	client    *kgo.Client
	ready     chan struct{} // closed when client is set
	reached   func(point string)
	access    *access
	denied    *denied
	source    catalog.Source
	instance  string // name in the group
	positions *positions
	log       *slog.Logger
	lag       *lagMeter
	leaving   func() bool // the source is gone
	endsPause time.Duration

	// mu guards start and done.
	mu    sync.Mutex
	start map[partition]position // where assigned partitions are read from
	done  map[partition]int64    // applied since the last commit to the group
}

// Settings of the client. New topics are found within defaultMetadataAge; a member
// that died is replaced at once, because its successor has the same instance id.
const (
	defaultMetadataAge = 5 * time.Second
	sessionTimeout     = 20 * time.Second
	fetchWait          = 200 * time.Millisecond
	fetchBytes         = 4 << 20  // of a partition
	answerBytes        = 16 << 20 // of all; one record keeps the whole answer in memory
	pingTimeout        = 10 * time.Second
	commitEvery        = time.Second
	defaultEndsPause   = 5 * time.Second
	leaveTime          = time.Second
)

// consume connects to the source's brokers and joins its group. fail ends the run
// when partitions cannot be placed or are taken away.
func (w *worker) consume(ctx context.Context, stream catalog.Stream, fail context.CancelCauseFunc) (*consumer, error) {
	patterns, err := topicPatterns(w.source.Topics)
	if err != nil {
		return nil, err
	}
	if w.source.ConsumerGroup == "" {
		return nil, wrongSetting("option consumer_group is not set", "")
	}
	access, err := newAccess(w.source, w.opt.Secrets)
	if err != nil {
		return nil, err
	}
	w.signIn = access.gate
	if err := w.probe(ctx, access, patterns); err != nil {
		return nil, err
	}
	id, err := w.opt.Catalog.WarehouseID(ctx)
	if err != nil {
		return nil, err
	}
	c := &consumer{
		source: w.source, instance: instanceID(id, w.source.Name), leaving: w.leaving.Load, log: w.log, lag: newLagMeter(), access: access,
		endsPause: w.opt.endsPause,
		ready:     make(chan struct{}), reached: w.opt.Reached, start: make(map[partition]position), done: make(map[partition]int64),
	}
	c.positions = &positions{catalog: w.opt.Catalog, source: w.source.Name, stream: stream, log: w.log, drain: newDrain()}
	place := func(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
		placed, err := c.place(ctx, offsets)
		if err != nil && ctx.Err() == nil {
			fail(err)
		}
		if err == nil && len(placed) > 0 {
			w.report.state(catalog.StateActive, "")
		}
		return placed, err
	}
	taken := func(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
		if len(lost) > 0 {
			fail(fmt.Errorf("partitions were taken by another member of consumer group %q", w.source.ConsumerGroup))
		}
	}
	options := append(access.options(),
		kgo.ConsumerGroup(w.source.ConsumerGroup),
		kgo.InstanceID(c.instance),
		kgo.ConsumeRegex(),
		kgo.ConsumeTopics(patterns...),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(sessionTimeout),
		kgo.DisableAutoCommit(),
		kgo.AdjustFetchOffsetsFn(place),
		kgo.OnPartitionsRevoked(taken),
		kgo.OnPartitionsLost(taken),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(),
		kgo.FetchMaxWait(fetchWait),
		kgo.FetchMaxPartitionBytes(fetchBytes),
		kgo.FetchMaxBytes(answerBytes),
		kgo.MetadataMaxAge(w.opt.metadataAge),
		kgo.MetadataMinAge(min(500*time.Millisecond, w.opt.metadataAge)),
		kgo.WithHooks(w.hook(access, fail)),
	)
	if c.client, err = kgo.NewClient(options...); err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	close(c.ready)
	c.denied = newDenied(c.client, w)
	return c, nil
}

// instanceID is this warehouse's name in the source's group. It is the same after
// a restart, so that the group does not wait for a member that died.
func instanceID(warehouse, source string) string {
	sum := sha256.Sum256([]byte(warehouse + "/" + source))
	return "metadb-" + hex.EncodeToString(sum[:12])
}

func splitList(list string) []string {
	var entries []string
	for e := range strings.SplitSeq(list, ",") {
		if e = strings.TrimSpace(e); e != "" {
			entries = append(entries, e)
		}
	}
	return entries
}

// place answers the client's question where to read newly assigned partitions.
func (c *consumer) place(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	committed := make(map[partition]int64)
	for topic, parts := range offsets {
		for id, o := range parts {
			committed[partition{topic, id}] = o.EpochOffset().Offset
		}
	}
	if len(committed) == 0 {
		return offsets, nil
	}
	select {
	case <-c.ready: // the client may ask before NewClient has returned it
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c.reached("place.before")
	placed, err := c.positions.place(ctx, c.client, committed)
	if err != nil {
		return nil, err
	}
	c.reached("place.after")
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]map[int32]kgo.Offset, len(offsets))
	for part, pos := range placed {
		c.start[part] = pos
		c.lag.place(part, pos.next)
		if out[part.topic] == nil {
			out[part.topic] = make(map[int32]kgo.Offset)
		}
		out[part.topic][part.id] = kgo.NewOffset().At(pos.next).WithEpoch(-1)
	}
	c.log.Info("reading from source", "source", c.source.Name, "partitions", len(placed))
	return out, nil
}

func (c *consumer) reader(router *router, letters *letters, limit int) *reader {
	return &reader{
		letters: letters, nullBadValues: c.source.OnBadValue == catalog.BadValueNull,
		client: c.client, source: c.source.Name, router: router, log: c.log, limit: limit,
		denied: c.denied.add, diagnose: c.access.diagnose,
		assigned: func(part partition) (position, bool) {
			c.mu.Lock()
			defer c.mu.Unlock()
			pos, ok := c.start[part]
			return pos, ok
		},
		reached: c.reached,
		shared: func(topic string) bool {
			_, shared := c.positions.shared.Load(topic)
			return shared
		},
		parts:    make(map[partition]*position),
		decoders: make(map[string]*debezium.Decoder),
		shapes:   debezium.NewShapes(),
		out:      make(chan *change.Batch),
		free:     make(chan *change.Batch, 3),
		index:    make(map[partition]int),
		orders:   &orders{},
		lag:      c.lag,
	}
}

// fetch reads one record again, with a client of its own.
func (c *consumer) fetch(ctx context.Context, topic string, id int32, offset int64) (*kgo.Record, error) {
	options := append(c.access.options(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		topic: {id: kgo.NewOffset().At(offset)},
	}), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	for {
		fetches := client.PollRecords(ctx, 1)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		for _, rec := range fetches.Records() {
			if rec.Offset == offset {
				return rec, nil
			}
			return nil, fmt.Errorf("topic %s, partition %d no longer holds offset %d", topic, id, offset)
		}
	}
}

// close leaves the last word with the group and ends the client. The membership
// stays until the session times out or the next run takes it over; that of a source
// that is gone ends, or the next member of its group would wait for it.
func (c *consumer) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	c.commit(ctx)
	if c.leaving() {
		ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
		defer cancel()
		// Where it fails, the session times out.
		_, _ = kadm.NewClient(c.client).LeaveGroup(ctx, kadm.LeaveGroup(c.source.ConsumerGroup).InstanceIDs(c.instance))
	}
	c.client.CloseAllowingRebalance()
}
