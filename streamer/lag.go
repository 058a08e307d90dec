package streamer

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// lagMeter knows how many records of the assigned partitions are not applied.
type lagMeter struct {
	// mu guards parts.
	mu    sync.Mutex
	parts map[partition]*lagPart
}

// lagPart is one partition: the end of what may be read (its last stable offset)
// and the position of the warehouse.
type lagPart struct{ end, next int64 }

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
		}
	})
}

// applied moves a partition's position.
func (m *lagMeter) applied(p partition, next int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if part := m.parts[p]; part != nil {
		part.next = next
	}
}

// total is the number of records known to be there and not applied.
func (m *lagMeter) total() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var n int64
	for _, p := range m.parts {
		n += max(0, p.end-p.next)
	}
	return n
}
