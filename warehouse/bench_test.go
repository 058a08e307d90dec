package warehouse

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"metadb/change"
)

var narrow = shapeOf("id", change.Int4, "name", change.Text, "code", change.Text, "created", change.Timestamp,
	"amount", change.Numeric, "active", change.Bool, "ref", change.UUID, "day", change.Date, "count", change.Int8, "note", change.Text)

// narrowRow is a row of about 200 bytes.
func narrowRow(key, version int) change.Tuple {
	t := change.AppendField(nil, int32Bytes(int32(key)))
	t = change.AppendField(t, fmt.Appendf(nil, "Name of patron %d, of some length", key))
	t = change.AppendField(t, fmt.Appendf(nil, "code-%d", version))
	t = change.AppendField(t, int64Bytes(int64(version)*1_000_000))
	amount, _ := appendNumeric(nil, fmt.Sprintf("%d.%02d", key, version%100))
	t = change.AppendField(t, amount)
	t = change.AppendField(t, []byte{1})
	t = change.AppendField(t, fmt.Appendf(nil, "%016d", key))
	t = change.AppendField(t, int32Bytes(9000))
	t = change.AppendField(t, int64Bytes(int64(version)))
	return change.AppendField(t, []byte("a note that is as long as notes in such tables usually are, or so"))
}

// BenchmarkApply measures batches of 3,000 events in events/s: new rows, updates
// of rows drawn at random from 51,000, events that change nothing, the same while
// they leave marks, and updates that are spread over 100 tables.
func BenchmarkApply(b *testing.B) {
	const size, keys = 3000, 51_000
	cases := []struct {
		name   string
		tables int
		sync   bool
		row    func(i int) (key, version int)
	}{
		{"new", 1, false, func(i int) (int, int) { return keys + i, 0 }},
		{"update", 1, false, func(i int) (int, int) { return rand.IntN(keys), i + 1 }},
		{"unchanged", 1, false, func(int) (int, int) { return rand.IntN(keys), 0 }},
		{"confirmed", 1, true, func(int) (int, int) { return rand.IntN(keys), 0 }},
		{"spread", 100, false, func(i int) (int, int) { return rand.IntN(keys), i + 1 }},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			f := newFixture(b)
			a := f.applier()
			targets := make([]*change.Target, c.tables)
			for i := range targets {
				targets[i] = &change.Target{Schema: "lib", Table: fmt.Sprintf("loan%d", i)}
			}
			fill := make([]change.Event, keys)
			for i := range fill {
				fill[i] = change.Event{Op: change.Read, TsMs: 1_700_000_000_000, Target: targets[i%c.tables], Shape: narrow, KeyShape: loanKey, Row: narrowRow(i, 0)}
			}
			f.apply(a, fill...)
			if c.sync {
				f.beginSync(f.next)
				a = f.applier()
			}
			n := 0
			b.ResetTimer()
			for b.Loop() {
				b.StopTimer()
				events := make([]change.Event, size)
				for i := range events {
					key, version := c.row(n)
					n++
					events[i] = change.Event{Op: change.Update, TsMs: 1_700_000_000_000 + int64(n), Target: targets[key%c.tables], Shape: narrow, KeyShape: loanKey, Row: narrowRow(key, version)}
				}
				b.StartTimer()
				f.apply(a, events...)
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
