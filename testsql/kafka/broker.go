package kafka

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/testsql/captures"
)

// startTime bounds how long a broker may take until it can be reached.
const startTime = time.Minute

// Options says how a broker starts.
type Options struct {
	Play     []string // recordings to produce, in this order
	Generate string   // events to produce: "snapshot=200000,updates=50000,partitions=1"
	Rate     int      // records a second; 0: as fast as possible
	Memory   bool     // keep nothing on disk: for big loads, not to be restarted
}

// Broker is the broker of one test.  What fails, fails the test.
type Broker struct {
	t    testing.TB
	path string
	args []string
	addr string
	proc *process
}

// Start runs a broker and returns when it can be reached.  The producing of
// recordings goes on meanwhile; see WaitPlayed.
func Start(t testing.TB, o Options) *Broker {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatalf("build broker: %v", err)
	}
	b := &Broker{t: t, path: path, args: []string{"-with-parent", "-rate", strconv.Itoa(o.Rate)}}
	if !o.Memory {
		b.args = append(b.args, "-data", t.TempDir())
	}
	if len(o.Play) > 0 {
		b.args = append(b.args, "-play", strings.Join(o.Play, ","))
	}
	if o.Generate != "" {
		b.args = append(b.args, "-generate", o.Generate)
	}
	t.Cleanup(func() {
		if b.proc != nil {
			b.proc.kill()
		}
	})
	b.run("0")
	return b
}

// run starts the process on a port.
func (b *Broker) run(port string) {
	b.t.Helper()
	proc, err := launch(b.path, append(b.args, "-port", port)...)
	if err != nil {
		b.t.Fatal(err)
	}
	b.proc = proc
	ctx, cancel := context.WithTimeout(b.t.Context(), startTime)
	defer cancel()
	if err := proc.await(ctx, proc.ready); err != nil {
		b.t.Fatalf("start broker: %v", err)
	}
	proc.mu.Lock()
	b.addr = proc.address
	proc.mu.Unlock()
}

// Addr is the broker's address, the same over restarts.
func (b *Broker) Addr() string { return b.addr }

// Kill ends the broker as a crash would.
func (b *Broker) Kill() { b.proc.kill() }

// Restart starts a killed broker again with what it had.  A recording that was
// cut off goes on.
func (b *Broker) Restart() {
	b.t.Helper()
	b.Kill()
	_, port, err := net.SplitHostPort(b.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	b.run(port)
}

// WaitPlayed waits until everything asked for in Options has been produced.
func (b *Broker) WaitPlayed(ctx context.Context) error {
	return b.proc.await(ctx, b.proc.produced)
}

// Produce appends records to the topics and partitions they name, and creates
// those topics that are missing.  Their offsets are the broker's choice.
func (b *Broker) Produce(records ...captures.Record) {
	b.t.Helper()
	ctx := b.t.Context()
	client := b.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer client.Close()
	admin := kadm.NewClient(client)
	there, err := admin.ListTopics(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	partitions := map[string]int32{}
	var batch []*kgo.Record
	for _, record := range records {
		partitions[record.Topic] = max(partitions[record.Topic], record.Partition+1)
		r := &kgo.Record{Topic: record.Topic, Partition: record.Partition, Timestamp: record.Timestamp, Key: record.Key, Value: record.Value}
		for _, header := range record.Headers {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: header.Key, Value: header.Value})
		}
		batch = append(batch, r)
	}
	for topic, n := range partitions {
		if there.Has(topic) {
			continue
		}
		if _, err := admin.CreateTopic(ctx, n, 1, nil, topic); err != nil {
			b.t.Fatalf("create topic %s: %v", topic, err)
		}
	}
	if err := client.ProduceSync(ctx, batch...).FirstErr(); err != nil {
		b.t.Fatalf("produce: %v", err)
	}
}

// CreateTopic makes an empty topic.
func (b *Broker) CreateTopic(topic string, partitions int32) {
	b.t.Helper()
	client := b.client()
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(b.t.Context(), partitions, 1, nil, topic); err != nil {
		b.t.Fatalf("create topic %s: %v", topic, err)
	}
}

// EndOffsets gives the end of each partition of each topic.
func (b *Broker) EndOffsets() map[string]map[int32]int64 {
	b.t.Helper()
	client := b.client()
	defer client.Close()
	listed, err := kadm.NewClient(client).ListEndOffsets(b.t.Context())
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		b.t.Fatalf("end offsets: %v", err)
	}
	ends := map[string]map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) {
		if ends[o.Topic] == nil {
			ends[o.Topic] = map[int32]int64{}
		}
		ends[o.Topic][o.Partition] = o.Offset
	})
	return ends
}

func (b *Broker) client(opts ...kgo.Opt) *kgo.Client {
	b.t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(b.addr))...)
	if err != nil {
		b.t.Fatal(err)
	}
	return client
}
