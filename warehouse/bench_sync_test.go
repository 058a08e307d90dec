package warehouse

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"metadb/change"
)

// BenchmarkSync measures a synchronization of a table of 1,000,000 rows
// (METADB_BENCH_ROWS): its beginning, a snapshot that finds 99 % of the rows as they
// are, beside the same events in another database that does not synchronize, and its
// end. Batches of the two take turns, so that other load on the machine is shared.
func BenchmarkSync(b *testing.B) {
	const size = 3000
	rows := 1_000_000
	if n, err := strconv.Atoi(os.Getenv("METADB_BENCH_ROWS")); err == nil {
		rows = n
	}
	to := &change.Target{Schema: "lib", Table: "loan"}
	chunk := func(from, end, step int, lsn uint64) []change.Event {
		events := make([]change.Event, 0, size)
		for i := from; i < end; i++ {
			if step > 0 && i%step == 0 {
				continue
			}
			ev := change.Event{Op: change.Read, Snapshot: change.InSnapshot, TsMs: 1_700_000_000_000 + int64(lsn), Target: to, Shape: narrow, KeyShape: loanKey, Row: narrowRow(i, 0)}
			events = append(events, positioned(ev, lsn, -1))
		}
		return events
	}
	for b.Loop() {
		plain, synced := newFixture(b), newFixture(b)
		pa, sa := plain.applier(), synced.applier()
		for i := 0; i < rows; i += size {
			events := chunk(i, min(i+size, rows), 0, 100)
			plain.apply(pa, events...)
			synced.apply(sa, events...)
		}
		for _, f := range []*fixture{plain, synced} {
			f.exec("ANALYZE lib.loan")
			f.exec("CHECKPOINT")
		}
		began := time.Now()
		synced.beginSync(synced.next)
		b.ReportMetric(float64(time.Since(began).Microseconds())/1000, "ms/SYNC")
		sa = synced.applier()
		var without, with time.Duration
		n := 0
		timed := func(f *fixture, a *Applier, events []change.Event, sum *time.Duration) {
			began := time.Now()
			f.apply(a, events...)
			*sum += time.Since(began)
		}
		for i, turn := 0, 0; i < rows; i, turn = i+size, turn+1 {
			events := chunk(i, min(i+size, rows), 100, 200)
			n += len(events)
			if turn%2 == 0 {
				timed(plain, pa, events, &without)
				timed(synced, sa, events, &with)
			} else {
				timed(synced, sa, events, &with)
				timed(plain, pa, events, &without)
			}
		}
		b.ReportMetric(float64(n)/without.Seconds(), "events/s")
		b.ReportMetric(float64(n)/with.Seconds(), "marks/s")
		b.ReportMetric(without.Seconds()/with.Seconds(), "ratio")
		bytes, err := strconv.ParseFloat(synced.lines("SELECT pg_total_relation_size('metadb.sync_mark_batch')::text")[0], 64)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(bytes/float64(n), "B/mark")
		began = time.Now()
		if more, err := synced.cat.CountSync(b.Context(), "s"); err != nil || !more {
			b.Fatal(more, err)
		}
		b.ReportMetric(time.Since(began).Seconds(), "s/count")
		began = time.Now()
		result := synced.endsync(nil)
		b.ReportMetric(time.Since(began).Seconds(), "s/ENDSYNC")
		if want := int64((rows + 99) / 100); result.Closed != want {
			b.Fatalf("%+v, want %d closed", result, want)
		}
		began = time.Now()
		if err := synced.cat.SweepMarks(b.Context(), "s"); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(began).Seconds(), "s/sweep")
		fmt.Fprintf(os.Stderr, "107 million rows at this rate: %s\n", (time.Duration(107e6 / float64(n) * float64(with))).Round(time.Minute))
	}
}
