package streamer

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/catalog"
)

// Words of Debezium's notifications. What else they say of a snapshot means that it goes
// on.
const (
	noticeIncremental = "Incremental Snapshot"
	noticeInitial     = "Initial Snapshot"
	noticeCompleted   = "COMPLETED"
	noticeAborted     = "ABORTED"
	noticeSkipped     = "SKIPPED"
	noticeScanned     = "TABLE_SCAN_COMPLETED"
)

// notice is a notification of a connector. Its times are in ms, as a number or a string.
type notice struct {
	Aggregate string            `json:"aggregate_type"`
	Type      string            `json:"type"`
	Data      map[string]string `json:"additional_data"`
	Timestamp json.Number       `json:"timestamp"`
}

// notices follow what connectors say of their snapshots in a topic of their own
// (notification.sink.topic.name). Incremental snapshots have no last record: only this
// tells their end. What was said before the synchronization began does not count. The
// topic is short, and read again by each run.
type notices struct {
	*worker

	// mu guards last.
	mu   sync.Mutex
	last map[string]lastNotice // by connector
}

// lastNotice is the last that a connector has said.
type lastNotice struct {
	kind string
	ms   int64     // when, by its clock
	at   time.Time // it was read
}

// completed says whether every connector of the source that has said something of a
// snapshot has completed it, among them all whose records lack the last one, and how
// long ago that was read.
func (n *notices) completed(s *catalog.Snapshot, now time.Time) (time.Duration, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var latest time.Time
	for connector, l := range n.last {
		if connector != n.source.TopicPrefix && !slices.Contains(s.Connectors, connector) {
			continue // of another data source
		}
		if l.kind != noticeCompleted {
			return 0, false
		}
		if l.at.After(latest) {
			latest = l.at
		}
	}
	for _, connector := range s.Open {
		if n.last[connector].kind != noticeCompleted {
			return 0, false
		}
	}
	return now.Sub(latest), !latest.IsZero()
}

// follow reads the notifications of the synchronization under way, if there is one and
// the source names their topic.
func (n *notices) follow(ctx context.Context) error {
	var from map[int32]int64
	if n.source.NotificationTopic != "" {
		var err error
		if from, err = n.opt.Catalog.NoticesFrom(ctx, n.source.Name); err != nil {
			return err
		}
	}
	for from != nil && ctx.Err() == nil {
		err := n.read(ctx, from)
		n.log.Debug("cannot read notifications", "source", n.source.Name, "topic", n.source.NotificationTopic, "error", fmt.Sprint(err))
		if err := sleep(ctx, defaultEndsPause); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

// read takes notifications until it fails. The topic may not be there yet.
func (n *notices) read(ctx context.Context, from map[int32]int64) error {
	access, err := newAccess(n.source, n.opt.Secrets)
	if err != nil {
		return err
	}
	ends, err := n.noticeEnds(ctx)
	if err != nil {
		return err
	}
	if len(ends) == 0 {
		return fmt.Errorf("topic %s does not exist", n.source.NotificationTopic)
	}
	offsets := make(map[int32]kgo.Offset)
	for id := range ends {
		offsets[id] = kgo.NewOffset().At(from[id])
	}
	client, err := kgo.NewClient(append(access.options(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{n.source.NotificationTopic: offsets}),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		return fmt.Errorf("kafka client: %w", err)
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		fetches.EachRecord(n.take)
	}
}

// take reads one notification.
func (n *notices) take(rec *kgo.Record) {
	var in struct {
		notice
		Payload *notice `json:"payload"` // of a record with its schema
	}
	if json.Unmarshal(rec.Value, &in) != nil {
		return
	}
	said := in.notice
	if in.Payload != nil {
		said = *in.Payload
	}
	if said.Aggregate == noticeIncremental || said.Aggregate == noticeInitial {
		n.heard(said)
	}
	n.opt.Reached("notice.read")
}

// heard keeps the last that each connector has said, and logs what people should know.
func (n *notices) heard(s notice) {
	connector := s.Data["connector_name"]
	switch status := s.Data["status"]; {
	case s.Type == noticeSkipped:
		return
	case s.Type == noticeAborted:
		n.log.Warn("the connector has broken off its snapshot", "source", n.source.Name, "connector", connector)
	case s.Type == noticeScanned && status != "" && status != "SUCCEEDED" && status != "EMPTY":
		n.log.Warn("the connector's snapshot lacks a table", "source", n.source.Name, "connector", connector,
			"table", s.Data["scanned_collection"], "reason", status)
	}
	ms, _ := s.Timestamp.Int64() // 0: the order of arrival counts
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.last == nil {
		n.last = make(map[string]lastNotice)
	}
	if ms >= n.last[connector].ms {
		n.last[connector] = lastNotice{s.Type, ms, time.Now()}
	}
}

// noticeEnds are the ends of the topic of notifications; empty when it is not there, nil
// when the source names none.
func (w *worker) noticeEnds(ctx context.Context) (map[int32]int64, error) {
	topic := w.source.NotificationTopic
	if topic == "" {
		return nil, nil
	}
	admin, err := w.admin()
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	listed, err := admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("read end of topic %s: %w", topic, err)
	}
	ends := make(map[int32]int64)
	listed.Each(func(o kadm.ListedOffset) {
		if o.Err == nil {
			ends[o.Partition] = o.Offset
		}
	})
	return ends, nil
}
