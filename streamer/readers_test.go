package streamer

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/testsql/broker"
)

// TestReadersSeeWholeStates reads in a loop while the recording streams: never a
// key twice current, never two versions of a key at one time.
func TestReadersSeeWholeStates(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.source(`^metadb_shop_1\.`)
	b.start()
	done := make(chan error, 1)
	go func() {
		_, err := broker.Play(t.Context(), b.kafka.Addr(), []string{"shop"}, 1500)
		done <- err
	}()
	b.waitFor("true", "SELECT (count(*) > 0)::text FROM shop.customers")
	checks := []struct{ what, sql string }{
		{"keys that are current twice", "SELECT count(*) FROM (SELECT FROM shop.customers GROUP BY id HAVING count(*) > 1) x"},
		{"versions that overlap", `SELECT count(*) FROM shop.customers__ a JOIN shop.customers__ b
			ON a.id = b.id AND a.__id < b.__id AND a.__start < b.__end AND b.__start < a.__end`},
		{"current rows that history lacks", `SELECT count(*) FROM shop.customers c
			WHERE NOT EXISTS (SELECT FROM shop.customers__ h WHERE h.__id = c.__id AND h.__current)`},
	}
	var readers sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	reads := make([]int, len(checks))
	for i, c := range checks {
		readers.Go(func() {
			for ctx.Err() == nil {
				var n int
				if err := b.pool.QueryRow(t.Context(), c.sql).Scan(&n); err != nil {
					t.Errorf("%s: %v", c.what, err)
					return
				}
				if n != 0 {
					t.Errorf("%s: %d", c.what, n)
				}
				reads[i]++
			}
		})
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	b.drained()
	stop()
	readers.Wait()
	for i, c := range checks {
		if reads[i] < 10 {
			t.Errorf("%s: looked for %d times only", c.what, reads[i])
		}
	}
}

// TestReportHoldsUpASchemaChange keeps a report open on a table that must get a
// column: the change waits and says so, but no other reader waits behind it.
func TestReportHoldsUpASchemaChange(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.produce(event("item", "c", 1, "{}", 1_700_000_000_000))
	b.source(`^m\.`)
	b.start()
	b.drained()
	report, err := b.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = report.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := report.Exec(t.Context(), "SELECT count(*) FROM lib.item"); err != nil {
		t.Fatal(err)
	}
	wider := envelope(idField+`,{"type":"string","field":"extra"}`, `{"id":2,"extra":"x"}`,
		`{"ts_ms":1700000000001,"schema":"lib","table":"item"}`, create)
	b.produce(&kgo.Record{Topic: "m.lib.item", Key: event("item", "c", 2, "{}", 1).Key, Value: []byte(wider)})
	b.waitFor("true", "SELECT (reason LIKE 'waiting for locks on table lib.item%')::text FROM metadb.status")
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if _, err := b.pool.Exec(ctx, "SELECT count(*) FROM lib.item"); err != nil {
			t.Errorf("a second reader waits: %v", err)
		}
		cancel()
	}
	if err := report.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.waitFor("x", "SELECT extra FROM lib.item WHERE id = 2")
	b.waitFor("", "SELECT reason FROM metadb.status")
}
