package streamer

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/catalog"
	"metadb/change"
)

// partition names a partition of a topic.
type partition struct {
	topic string
	id    int32
}

// position is where a partition is read: what the next record's offset must
// reach, and the mark by which events sent again are known.
type position struct {
	next  int64
	mark  change.Mark
	again bool // the record at next was read before
}

// positions decides where the partitions of a stream are read from (rules R1, R4).
type positions struct {
	catalog *catalog.Catalog
	source  string
	stream  catalog.Stream
	log     *slog.Logger
	shared  sync.Map // topics with several partitions; a topic may grow
	drain   *drain
}

// place returns the start of each assigned partition. committed are the group's
// own offsets, below 0 where it has none: they count only for partitions that we
// have no position of, which is the way in from Metadb 1.4. Whatever the log no
// longer holds is recorded as a gap.
func (p *positions) place(ctx context.Context, client *kgo.Client, committed map[partition]int64) (map[partition]position, error) {
	adm := kadm.NewClient(client)
	topics := make([]string, 0, len(committed))
	seen := make(map[string]bool)
	for part := range committed {
		if !seen[part.topic] {
			seen[part.topic] = true
			topics = append(topics, part.topic)
		}
	}
	details, err := adm.ListTopics(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("describe topics: %w", err)
	}
	starts, err := adm.ListStartOffsets(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("list start offsets: %w", err)
	}
	ends, err := adm.ListEndOffsets(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("list end offsets: %w", err)
	}
	stored, err := p.stored(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.markRecreated(ctx, stored, details); err != nil {
		return nil, err
	}
	since, err := p.since(ctx, stored)
	if err != nil {
		return nil, err
	}
	for topic, d := range details {
		if len(d.Partitions) > 1 {
			p.shared.Store(topic, true)
		}
	}
	placed := make(map[partition]position, len(committed))
	var moved []catalog.Offset
	var gaps []catalog.Gap
	for part, group := range committed {
		start, ok := starts.Lookup(part.topic, part.id)
		end, ok2 := ends.Lookup(part.topic, part.id)
		if !ok || !ok2 || start.Err != nil || end.Err != nil {
			return nil, fmt.Errorf("topic %s, partition %d: offsets are not available", part.topic, part.id)
		}
		if p.stream.FromStart {
			group = -1
		}
		log := logRange{id: details[part.topic].ID, start: start.Offset, end: end.Offset}
		o, gap, changed := startAt(part, stored[part], group, log)
		if gap != nil {
			gaps = append(gaps, *gap)
			p.log.Error("events are missing; resynchronize the source", "source", p.source, "topic", part.topic,
				"partition", part.id, "kind", gap.Kind, "expected", gap.Expected, "available", gap.Available)
		}
		if old := stored[part]; old == nil || old.TopicID != o.TopicID {
			o.Since = since
		}
		if changed {
			moved = append(moved, o)
		}
		stored[part] = &o
		placed[part] = position{next: o.Next, mark: markOf(o)}
	}
	if len(moved) > 0 {
		if err := p.catalog.PlaceOffsets(ctx, p.source, p.stream, moved, gaps); err != nil {
			return nil, err
		}
	}
	p.drain.order(client, stored)
	return placed, nil
}

// markRecreated ends the run with errTurn if topics were made again and what they hold is
// to leave marks first, in case that a SYNC follows (rule R15).
func (p *positions) markRecreated(ctx context.Context, stored map[partition]*catalog.Offset, topics kadm.TopicDetails) error {
	for part, o := range stored {
		if t, there := topics[part.topic]; !there || t.Err != nil || o.Next < 0 || kadm.TopicID(o.TopicID) == t.ID {
			continue
		}
		begun, err := p.catalog.MarkRecreated(ctx, p.source, p.stream)
		if err == nil && begun {
			err = errTurn
		}
		return err
	}
	return nil
}

// since is the number with which new partitions come.
func (p *positions) since(ctx context.Context, stored map[partition]*catalog.Offset) (int32, error) {
	since, err := p.catalog.SyncNumber(ctx, p.source)
	for _, o := range stored {
		since = max(since, o.Since)
	}
	return since, err
}

func (p *positions) stored(ctx context.Context) (map[partition]*catalog.Offset, error) {
	offsets, err := p.catalog.Offsets(ctx, p.source, p.stream.Number)
	if err != nil {
		return nil, err
	}
	stored := make(map[partition]*catalog.Offset, len(offsets))
	for i := range offsets {
		stored[partition{offsets[i].Topic, offsets[i].Partition}] = &offsets[i]
	}
	return stored, nil
}

// logRange is what the broker holds of a partition, and the identity of its topic.
type logRange struct {
	id         kadm.TopicID
	start, end int64
}

// startAt decides where to read a partition. changed says that the position is
// not the stored one and must be stored before reading.
func startAt(part partition, stored *catalog.Offset, group int64, log logRange) (o catalog.Offset, gap *catalog.Gap, changed bool) {
	found := func(kind string, expected int64) {
		gap = &catalog.Gap{Topic: part.topic, Partition: part.id, Kind: kind, Expected: expected, Available: log.start}
	}
	fresh := catalog.Offset{Topic: part.topic, TopicID: log.id, Partition: part.id, Next: log.start}
	unknown := stored == nil || stored.Next < 0
	if unknown && stored != nil && stored.TopicID == log.id {
		fresh = *stored
		fresh.Next = log.start
	}
	switch {
	case unknown && group < 0:
		return fresh, nil, true
	case unknown:
		fresh.Next = group
		if group < log.start || group > log.end {
			fresh.Next = log.start
			found(gapKind(group, log), group)
		}
		return fresh, gap, true
	case stored.TopicID != log.id:
		// The offset may well lie inside the new topic: it means nothing there. The
		// mark stays, since the source behind the topic may be the same.
		o = *stored
		o.TopicID, o.Next = log.id, log.start
		found(catalog.GapRecreated, stored.Next)
		return o, gap, true
	case stored.Next < log.start || stored.Next > log.end:
		o = *stored
		o.Next = log.start
		found(gapKind(stored.Next, log), stored.Next)
		return o, gap, true
	}
	return *stored, nil, false
}

func gapKind(next int64, log logRange) string {
	if next < log.start {
		return catalog.GapRetention
	}
	return catalog.GapTruncated
}

// markOf is the mark stored with an offset.
func markOf(o catalog.Offset) change.Mark {
	m := change.Mark{Again: -1}
	if o.LSN == nil {
		return m
	}
	m.Set, m.LSN = true, uint64(*o.LSN)
	if o.CommitLSN != nil {
		m.CommitLSN = uint64(*o.CommitLSN)
	}
	if o.TxID != nil {
		m.TxID = *o.TxID
	}
	if o.TopLSN != nil {
		m.TopLSN = uint64(*o.TopLSN)
	}
	if o.TsMs != nil {
		m.TsMs = *o.TsMs
	}
	for _, h := range o.Run {
		m.Run = append(m.Run, uint64(h))
	}
	if o.RunAgain != nil {
		m.Again = int(*o.RunAgain)
	}
	if o.LastSent != nil {
		m.LastSent = *o.LastSent
	}
	return m
}
