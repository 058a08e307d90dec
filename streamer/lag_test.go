package streamer

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// fetched is what a poll brings of topic t.
func fetched(part int32, end int64, offset, at int64) kgo.Fetches {
	rec := &kgo.Record{Topic: "t", Partition: part, Offset: offset, Timestamp: time.UnixMilli(at)}
	return kgo.Fetches{{Topics: []kgo.FetchTopic{{Topic: "t", Partitions: []kgo.FetchPartition{{
		Partition: part, LastStableOffset: end, Records: []*kgo.Record{rec},
	}}}}}}
}

// ended are the ends of partitions of topic t, in pairs.
func ended(pairs ...int64) kadm.ListedOffsets {
	offsets := map[int32]kadm.ListedOffset{}
	for i := 0; i < len(pairs); i += 2 {
		offsets[int32(pairs[i])] = kadm.ListedOffset{Topic: "t", Partition: int32(pairs[i]), Offset: pairs[i+1]}
	}
	return kadm.ListedOffsets{"t": offsets}
}

// TestLagMeter follows two partitions: records are behind until they are applied,
// and the oldest of them tells since when.
func TestLagMeter(t *testing.T) {
	t.Parallel()
	m := newLagMeter()
	check := func(what string, records, since int64, partitions int) {
		t.Helper()
		want := lag{records: records, partitions: partitions}
		if since > 0 {
			want.since = time.UnixMilli(since)
		}
		if diff := cmp.Diff(want, m.read(), cmp.AllowUnexported(lag{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	check("nothing assigned", 0, 0, 0)
	m.place(partition{"t", 0}, 10)
	m.place(partition{"t", 1}, 0)
	check("assigned", 0, 0, 2)
	m.observe(fetched(0, 30, 10, 1000))
	m.observe(fetched(0, 30, 20, 2000))
	m.observe(fetched(1, 5, 0, 500))
	check("fetched", 25, 500, 2)
	m.applied(partition{"t", 1}, 5)
	check("one partition applied", 20, 1000, 2)
	m.applied(partition{"t", 0}, 15)
	check("half a fetch applied", 15, 1000, 2)
	m.applied(partition{"t", 0}, 20)
	check("a fetch applied", 10, 2000, 2)
	m.applied(partition{"t", 0}, 30)
	check("all applied", 0, 0, 2)
	m.observe(fetched(0, 31, 30, 9000))
	check("one more", 1, 9000, 2)
	m.ends(ended(0, 35, 1, 7), time.UnixMilli(9999))
	check("the brokers have more", 7, 9000, 2)
	m.applied(partition{"t", 0}, 35)
	check("one partition applied, nothing fetched of the other", 2, 9999, 2)
	m.observe(fetched(1, 7, 5, 8000))
	m.applied(partition{"t", 1}, 6)
	check("what was fetched tells since when", 1, 8000, 2)
	if topics := m.topics(); !slices.Equal(topics, []string{"t"}) {
		t.Errorf("topics %v", topics)
	}
}
