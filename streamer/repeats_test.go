package streamer

import (
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"metadb/testsql/poll"
)

// TestRepeatsAreRare tells the same line again and again, and others between.
func TestRepeatsAreRare(t *testing.T) {
	t.Parallel()
	r := newRepeats(slog.New(slog.DiscardHandler))
	now := time.Now()
	want := func(line string, unsaid int, due bool) {
		t.Helper()
		if n, ok := r.due(line, now); n != unsaid || ok != due {
			t.Errorf("%s: %d, %t; want %d, %t", line, n, ok, unsaid, due)
		}
	}
	want("read 10.0.0.1:4711->10.0.0.2:9092: reset", 0, true)
	want("read 10.0.0.1:4712->10.0.0.2:9092: reset", 0, false)
	want("read 10.0.0.1:4712->10.0.0.3:9092: reset", 0, true)
	want("read 10.0.0.1:4713->10.0.0.2:9092: reset", 0, false)
	now = now.Add(repeatEvery)
	want("read 10.0.0.1:4714->10.0.0.2:9092: reset", 2, true)
	want("read 10.0.0.1:4715->10.0.0.2:9092: reset", 0, false)
	r.forget()
	want("read 10.0.0.1:4716->10.0.0.2:9092: reset", 0, true)
	for i := range 3 * repeatsKept {
		want(fmt.Sprint("line ", i), 0, true)
	}
	if len(r.said) > repeatsKept {
		t.Errorf("%d lines are remembered", len(r.said))
	}
}

// TestBrokersAwayAreLoggedOnce tries brokers that are not there some times: one
// line; and brokers that go while they are read: one more.
func TestBrokersAwayAreLoggedOnce(t *testing.T) {
	t.Parallel()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = nobody.Close()
	b := newBed(t)
	log := b.logged()
	b.exec("CALL metadb.create_data_source('s', 'kafka', $1)",
		[]string{"brokers", nobody.Addr().String(), "topics", `^m\.`, "consumer_group", "g", "security", "plaintext"})
	b.start()
	b.waitFor("error", "SELECT source_stream FROM metadb.status")
	b.runsAgain(4)
	if n := log.count("stream interrupted"); n != 1 {
		t.Errorf("%d lines of the log about brokers that are away:\n%s", n, log.text.String())
	}

	b.produce(item(0, "{}"))
	b.exec("CALL metadb.alter_data_source('s', $1)", []string{"set", "brokers", b.kafka.Addr()})
	b.waitFor("1", "SELECT count(*)::text FROM lib.item")
	b.kafka.Close()
	b.waitFor("error", "SELECT source_stream FROM metadb.status")
	if !poll.Until(t.Context(), 20*time.Millisecond, time.Minute, func() bool { return log.count("brokers cannot be reached") > 0 }) {
		t.Fatalf("no line about brokers that went:\n%s", log.text.String())
	}
	if n := log.count("brokers cannot be reached"); n != 1 {
		t.Errorf("%d lines about brokers that went", n)
	}
}
