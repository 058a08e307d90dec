package wire

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/testsql/broker"
)

// Load of a source that is read beside something else: more than a test reads.
const (
	besideRate = 200 // events per second
	besideRows = 1_000_000
)

// beside is a source that streams while a test does something else.
type beside struct {
	a     *abuse
	watch *pgx.Conn
	epoch int64
	begun int64  // events applied at the beginning
	kafka string // address
	stop  context.CancelFunc
	ended chan struct{} // closed when nothing more is sent
}

// stream begins to stream; what it needs is part of the base.
func (a *abuse) stream(watch *pgx.Conn) *beside {
	a.t.Helper()
	kafka, err := broker.Start(a.t.Context(), 0, "")
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(kafka.Close)
	ctx, stop := context.WithCancel(a.t.Context())
	b := &beside{a: a, watch: watch, kafka: kafka.Addr(), stop: stop, ended: make(chan struct{})}
	a.t.Cleanup(stop)
	go func() {
		defer close(b.ended)
		if _, err := broker.Generate(ctx, kafka.Addr(), broker.Load{Snapshot: besideRows, Partitions: 1}, besideRate); ctx.Err() == nil {
			a.t.Errorf("the load ended by itself: %v", err)
		}
	}()
	conn, err := a.session()
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = conn.Close(a.t.Context()) }()
	sql := fmt.Sprintf("CREATE DATA SOURCE beside TYPE kafka OPTIONS (brokers '%s', security 'plaintext', topics '%s', consumer_group 'beside')", kafka.Addr(), broker.Topic)
	if _, err := conn.Exec(a.t.Context(), sql).ReadAll(); err != nil {
		a.t.Fatal(err)
	}
	a.until("the source streams", func() bool { return b.number("SELECT events FROM metadb.status") > besideRate })
	b.epoch, b.begun = b.number("SELECT max(epoch) FROM metadb.source_offset"), b.number("SELECT events FROM metadb.status")
	return b
}

func (b *beside) number(sql string) (n int64) {
	b.a.t.Helper()
	if err := b.watch.QueryRow(b.a.t.Context(), sql).Scan(&n); err != nil {
		b.a.t.Fatal(err)
	}
	return n
}

// unmoved looks at the source, and ends its load: it is in the same run, without an
// error, and everything that was sent is applied.
func (b *beside) unmoved() {
	b.a.t.Helper()
	if n := b.number("SELECT count(*) FROM metadb.status WHERE source_stream = 'active' AND last_error = '' AND reason = '' AND dead_letters = 0"); n != 1 {
		b.a.t.Error("the source is not well")
	}
	if epoch := b.number("SELECT max(epoch) FROM metadb.source_offset"); epoch != b.epoch {
		b.a.t.Errorf("the source has begun another run: %d after %d", epoch, b.epoch)
	}
	if n := b.number("SELECT events FROM metadb.status"); n < b.begun+besideRate {
		b.a.t.Errorf("%d events applied, %d at the beginning", n, b.begun)
	}
	b.stop()
	<-b.ended
	client, err := kgo.NewClient(kgo.SeedBrokers(b.kafka))
	if err != nil {
		b.a.t.Fatal(err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(b.a.t.Context(), broker.Topic)
	if err != nil {
		b.a.t.Fatal(err)
	}
	end, _ := ends.Lookup(broker.Topic, 0)
	b.a.until("all that was sent is applied", func() bool { return b.number("SELECT count(*) FROM bench.item") == end.Offset })
}
