package broker

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"metadb/testsql/captures"
)

// Load says how many events to generate for one table.
type Load struct {
	Snapshot   int   // rows of the snapshot, keys 1…Snapshot
	Updates    int   // updates after it
	Partitions int32 // of the topic; a key keeps its partition
}

// Topic is the topic of generated events.
const Topic = "bench.bench.item"

// hotKeys bounds the keys that updates choose from.
const hotKeys = 51_000

// ParseLoad reads "snapshot=200000,updates=50000,partitions=1".
func ParseLoad(text string) (Load, error) {
	load := Load{Partitions: 1}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(pair, "=")
		number, err := strconv.ParseInt(value, 10, 32)
		if err != nil || number < 0 {
			return Load{}, fmt.Errorf("load %q: bad number in %q", text, pair)
		}
		switch name {
		case "snapshot":
			load.Snapshot = int(number)
		case "updates":
			load.Updates = int(number)
		case "partitions":
			load.Partitions = int32(number)
		default:
			return Load{}, fmt.Errorf("load %q: unknown %q", text, name)
		}
	}
	if load.Partitions == 0 || load.Updates > 0 && load.Snapshot == 0 {
		return Load{}, fmt.Errorf("load %q: no partitions, or updates without rows", text)
	}
	return load, nil
}

// Generate produces the events of a load.
func Generate(ctx context.Context, addr string, load Load, rate int) (Counts, error) {
	return Fill(ctx, addr, Partitions{Topic: load.Partitions}, load.records(), rate)
}

// records yields the events, the same ones at each call.
func (l Load) records() iter.Seq2[captures.Record, error] {
	return func(yield func(captures.Record, error) bool) {
		random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable on purpose, nothing secret
		offsets := make([]int64, l.Partitions)
		begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		send := func(e event) bool {
			partition := int32(e.id) % l.Partitions
			record := captures.Record{
				Topic: Topic, Partition: partition, Offset: offsets[partition],
				Timestamp: time.UnixMilli(e.sentMs), Key: e.key(), Value: e.value(),
			}
			offsets[partition]++
			return yield(record, nil)
		}
		e := event{op: 'r', tsMs: begin.UnixMilli(), lsn: 1 << 32, txID: 1000}
		for i := range l.Snapshot {
			e.id, e.version = i+1, 0
			e.mark = l.mark(i)
			e.sentMs = e.tsMs + int64(i)/10
			if !send(e) {
				return
			}
		}
		versions := make([]int, min(l.Snapshot, hotKeys))
		e.op, e.mark, e.tsMs = 'u', "false", e.sentMs+1000
		for i := range l.Updates {
			row := random.IntN(len(versions))
			versions[row]++
			e.id, e.version = row+1, versions[row]
			e.commitLSN, e.lsn, e.txID = e.lsn, e.lsn+int64(200+random.IntN(200)), e.txID+1
			e.tsMs++
			e.sentMs = e.tsMs + int64(i%50)
			if !send(e) {
				return
			}
		}
	}
}

// mark is Debezium's snapshot mark of the i-th snapshot row.
func (l Load) mark(i int) string {
	switch i {
	case l.Snapshot - 1:
		return "last"
	case 0:
		return "first"
	}
	return "true"
}
