package streamer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/catalog"
	"metadb/testsql/broker"
	"metadb/testsql/compare"
	"metadb/testsql/pgtest"
	"metadb/testsql/poll"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// bed is a warehouse and an in-process broker.
type bed struct {
	testing.TB
	pool   *pgxpool.Pool
	config *pgx.ConnConfig
	cat    *catalog.Catalog
	kafka  *broker.Broker
	topics *regexp.Regexp
	opt    Options   // of start; those that are not set are filled in
	client []kgo.Opt // how tests reach the broker, beside its address
}

func newBed(t testing.TB, listener ...kfake.Opt) *bed {
	t.Helper()
	db := pgtest.Prepared(t, catalog.Initialize)
	config, err := pgx.ParseConfig(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	kafka, err := broker.Start(t.Context(), 0, "", listener...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	b := &bed{TB: t, pool: db.Pool(t), config: config, kafka: kafka}
	b.opt.metadataAge, b.opt.endsPause = 200*time.Millisecond, 200*time.Millisecond
	b.cat = catalog.New(b.pool)
	return b
}

// start runs a Streamer until the returned function is called, or the test ends.
func (b *bed) start() (stop func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	opt := b.opt
	opt.Catalog, opt.Warehouse = b.cat, b.config
	if opt.Log == nil {
		opt.Log = slog.New(slog.NewTextHandler(b.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	s := New(opt)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			b.Errorf("streamer: %v", err)
		}
	}
	b.Cleanup(stop)
	return stop
}

// source creates data source s over the broker's topics.
func (b *bed) source(topics string, options ...string) {
	b.Helper()
	b.topics = regexp.MustCompile(topics)
	options = append(options, "brokers", b.kafka.Addr(), "topics", topics, "consumer_group", "g", "security", "plaintext")
	b.exec("CALL metadb.create_data_source('s', 'kafka', $1)", options)
}

func (b *bed) exec(sql string, args ...any) {
	b.Helper()
	if _, err := b.pool.Exec(b.Context(), sql, args...); err != nil {
		b.Fatalf("%s: %v", sql, err)
	}
}

func (b *bed) text(sql string, args ...any) string {
	b.Helper()
	var s string
	if err := b.pool.QueryRow(b.Context(), sql, args...).Scan(&s); err != nil {
		return err.Error()
	}
	return s
}

// waitFor waits until the query answers want.
func (b *bed) waitFor(want, sql string, args ...any) {
	b.Helper()
	got := ""
	if poll.Until(b.Context(), 20*time.Millisecond, time.Minute, func() bool { got = b.text(sql, args...); return got == want }) {
		return
	}
	b.Fatalf("%s: %q, want %q\nstatus: %s", sql, got, want, b.text("SELECT coalesce(string_agg(x::text, E'\\n'), '') FROM metadb.status x"))
}

// play produces recordings, keeping partitions, offsets and times.
func (b *bed) play(names ...string) {
	b.Helper()
	if _, err := broker.Play(b.Context(), b.kafka.Addr(), names, 0); err != nil {
		b.Fatal(err)
	}
}

// drained waits until the stored positions are the ends of all the source's topics.
func (b *bed) drained() {
	b.Helper()
	b.waitFor(b.endsOf(b.topics.String()), "SELECT coalesce(sum(next), 0)::text FROM metadb.source_offset")
}

// endsOf is the sum of the end offsets of all topics that match.
func (b *bed) endsOf(topics string) string {
	b.Helper()
	match := regexp.MustCompile(topics)
	client, err := kgo.NewClient(kgo.SeedBrokers(b.kafka.Addr()))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	total := int64(0)
	ends.Each(func(o kadm.ListedOffset) {
		if match.MatchString(o.Topic) {
			total += o.Offset
		}
	})
	return fmt.Sprint(total)
}

// check compares the warehouse with a recording's truth and, where named, with
// what Metadb 1.4 made of it.
func (b *bed) check(o compare.Options) *compare.Report {
	b.Helper()
	conn, err := b.pool.Acquire(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	report, err := compare.Run(b.Context(), conn.Conn(), o)
	if err != nil {
		b.Fatal(err)
	}
	return report
}

func TestBulkShopStreams(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.play("shop")
	b.start()
	b.source("^metadb_shop_1\\.", "on_bad_value", "null")
	b.drained()
	report := b.check(compare.Options{Capture: "shop", Oracle: "1_initial", Limit: 50})
	b.demandEqual(report)
	for _, u := range report.Unused {
		t.Errorf("a known difference that is none: %+v", u)
	}
}

// demandEqual fails the test unless every table is equal but for named ones.
func (b *bed) demandEqual(report *compare.Report, except ...string) {
	b.Helper()
	for _, t := range report.Tables {
		if t.Verdict != compare.Equal && t.Verdict != compare.Odd && !slices.Contains(except, t.Name) {
			b.Errorf("%s of %s.%s: %s", t.Check, t.Schema, t.Name, t.Verdict)
		}
	}
	if b.Failed() {
		_ = report.Print(b.Output())
	}
}

// logText collects the lines of a log.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds a line.
func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// count is how often a text stands in the log.
func (l *logText) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// logged makes the bed's server write to a log that can be read.
func (b *bed) logged() *logText {
	l := &logText{}
	b.opt.Log = slog.New(slog.NewTextHandler(io.MultiWriter(l, b.Output()), &slog.HandlerOptions{Level: slog.LevelDebug}))
	return l
}
