package streamer

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/testsql/broker"
)

// TestBulkReadersSeeWholeStates reads in a loop while recordings stream: never a key
// twice current, never two versions of a key at one time, and never a gap between
// versions of rows that the source only updates.
func TestBulkReadersSeeWholeStates(t *testing.T) {
	t.Parallel()
	tests := []struct{ recording, topics, busy, key, updated, updatedKey string }{
		{"shop", `^metadb_shop_1\.`, "shop.customers", "id", "shop.counters", "name"},
		{"hard/interleave", `^hard_interleave\.`, "h.acct", "id", "h.toggle", "id"},
		{"hard/partitions", `^hard_partitions\.`, "h.acct", "id", "h.toggle", "id"},
	}
	for _, tt := range tests {
		t.Run(tt.recording, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.source(tt.topics)
			b.start()
			done := make(chan error, 1)
			go func() {
				_, err := broker.Play(t.Context(), b.kafka.Addr(), []string{tt.recording}, 800)
				done <- err
			}()
			for _, table := range []string{tt.busy, tt.updated} {
				b.waitFor("true", "SELECT (count(*) > 0)::text FROM "+table)
			}
			stop := b.readers([]check{
				{"keys that are current twice", fmt.Sprintf("SELECT count(*) FROM (SELECT FROM %s GROUP BY %s HAVING count(*) > 1) x", tt.busy, tt.key)},
				{"versions that overlap", fmt.Sprintf(`SELECT count(*) FROM %[1]s__ a JOIN %[1]s__ b
					ON a.%[2]s = b.%[2]s AND a.__id < b.__id AND a.__start < b.__end AND b.__start < a.__end`, tt.busy, tt.key)},
				{"gaps between versions", fmt.Sprintf(`SELECT count(*) FROM (SELECT __end, lead(__start, 1, __end) OVER
					(PARTITION BY %[2]s ORDER BY __start, __id) AS next FROM %[1]s__) v WHERE next <> __end`, tt.updated, tt.updatedKey)},
				{"keys that are not current", fmt.Sprintf(`SELECT count(DISTINCT %[2]s) - count(*) FILTER (WHERE __current) FROM %[1]s__`, tt.updated, tt.updatedKey)},
			})
			if err := <-done; err != nil {
				t.Error(err)
			}
			b.drained()
			stop()
		})
	}
}

// check is a statement that must always answer 0.
type check struct{ what, sql string }

// readers runs each check in a loop of its own until stop is called, which demands
// that each has run often enough.
func (b *bed) readers(checks []check) (stop func()) {
	var readers sync.WaitGroup
	ctx, cancel := context.WithCancel(b.Context())
	reads := make([]int, len(checks))
	for i, c := range checks {
		readers.Go(func() {
			for ctx.Err() == nil {
				var n int
				if err := b.pool.QueryRow(b.Context(), c.sql).Scan(&n); err != nil {
					b.Errorf("%s: %v", c.what, err)
					return
				}
				if n != 0 {
					b.Errorf("%s: %d", c.what, n)
				}
				reads[i]++
			}
		})
	}
	return func() {
		cancel()
		readers.Wait()
		for i, c := range checks {
			if reads[i] < 10 {
				b.Errorf("%s: looked for %d times only", c.what, reads[i])
			}
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
	b.waitFor("true", "SELECT (reason LIKE 'table lib.item waits for locks %')::text FROM metadb.status")
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
