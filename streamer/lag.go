package streamer

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// lagMeter knows how many records of the assigned partitions are not applied.
type lagMeter struct {
	// mu guards parts.
	mu    sync.Mutex
	parts map[partition]*lagPart
}

// lagPart is one partition: the end of what may be read (its last stable offset),
// the position of the warehouse, and when the fetches that are not all applied
// were written to Kafka, oldest first.
type lagPart struct {
	end, next int64
	fetched   []fetchedAt
}

// fetchedAt is the first record of a fetch.
type fetchedAt struct {
	offset  int64
	written time.Time
}

// lag is how far a source is behind.
type lag struct {
	records    int64     // known to be there and not applied
	since      time.Time // the oldest of them was written; zero when there is none
	partitions int       // assigned
}

func newLagMeter() *lagMeter { return &lagMeter{parts: make(map[partition]*lagPart)} }

// place begins a partition at a position.
func (m *lagMeter) place(p partition, next int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.parts[p] = &lagPart{end: next, next: next}
}

// observe takes the ends that came with fetched records.
func (m *lagMeter) observe(fetches kgo.Fetches) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		if p := m.parts[partition{f.Topic, f.Partition}]; p != nil && f.Err == nil {
			p.end = max(p.end, f.LastStableOffset)
			if len(f.Records) > 0 {
				p.fetched = append(p.fetched, fetchedAt{f.Records[0].Offset, f.Records[0].Timestamp})
			}
		}
	})
}

// ends takes where the partitions end, as the brokers say: what is read may lie
// behind by as much as the client keeps. A partition of which nothing was fetched
// is behind since now, as far as is known.
func (m *lagMeter) ends(ends kadm.ListedOffsets, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, p := range m.parts {
		end, ok := ends.Lookup(id.topic, id.id)
		if !ok || end.Err != nil || end.Offset <= p.end {
			continue
		}
		p.end = end.Offset
		if len(p.fetched) == 0 {
			p.fetched = append(p.fetched, fetchedAt{p.next, now})
		}
	}
}

// topics are those of the assigned partitions.
func (m *lagMeter) topics() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := make(map[string]bool)
	for id := range m.parts {
		names[id.topic] = true
	}
	return slices.Collect(maps.Keys(names))
}

// applied moves a partition's position.
func (m *lagMeter) applied(p partition, next int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	part := m.parts[p]
	if part == nil {
		return
	}
	part.next = next
	for len(part.fetched) > 1 && part.fetched[1].offset <= next {
		part.fetched = part.fetched[1:]
	}
	if next >= part.end {
		part.fetched = nil
	}
}

// read tells how far behind the source is. A fetch that is applied in part counts
// with the time of its first record.
func (m *lagMeter) read() lag {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := lag{partitions: len(m.parts)}
	for _, p := range m.parts {
		if p.end <= p.next {
			continue
		}
		l.records += p.end - p.next
		if len(p.fetched) > 0 && (l.since.IsZero() || p.fetched[0].written.Before(l.since)) {
			l.since = p.fetched[0].written
		}
	}
	return l
}
