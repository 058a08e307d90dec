package warehouse

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"metadb/catalog"
	"metadb/change"
)

// placed is an event at a place of the source's order, on a partition of a topic
// that has three.
type placed struct {
	part int
	lsn  uint64
	change.Event
}

// TestPartitionsOutOfOrder reads events of some partitions in another order than the
// source's: the tables must be those of the source's order.
func TestPartitionsOutOfOrder(t *testing.T) {
	t.Parallel()
	create := func(part int, ms int64, lsn uint64, id int, a any) placed {
		e := merge(t, ms, loanShape, loanKey, id, a)
		e.Op = change.Create
		return placed{part, lsn, e}
	}
	update := func(part int, ms int64, lsn uint64, id int, a any) placed {
		return placed{part, lsn, merge(t, ms, loanShape, loanKey, id, a)}
	}
	rekeyed := func(part int, ms int64, lsn uint64, old, id int, a any) placed {
		p := create(part, ms, lsn, id, a)
		p.OldKey = tuple(t, loanKey, old)
		return p
	}
	gone := func(part int, ms int64, lsn uint64, id int) placed {
		return placed{part, lsn, remove(t, ms, loanKey, id)}
	}
	truncate := func(part int, ms int64, lsn uint64) placed {
		return placed{part, lsn, change.Event{Op: change.Truncate, TsMs: ms, Target: target}}
	}
	lost := func(p placed) placed { // its key, as the connector has damaged the name
		p.KeyLost, p.KeyShape = true, nil
		if p.Op == change.Delete {
			p.Shape, p.Before = loanKey, p.Key
		}
		p.Key = nil
		return p
	}
	west := func(p placed) placed {
		p.Target = &change.Target{Schema: target.Schema, Table: target.Table, Origin: "west"}
		return p
	}
	tests := []struct {
		name   string
		events []placed
		want   []string
	}{
		{"a version that a later change ended ends with the truncate",
			[]placed{create(0, 10, 1, 1, "x"), create(0, 30, 9, 1, "y"), truncate(1, 20, 5)},
			[]string{"10|20|1|x", "30|now|1|y"}},
		{"a version that a later delete ended",
			[]placed{create(0, 10, 1, 1, "x"), create(0, 30, 9, 1, "y"), gone(0, 40, 11, 1), truncate(1, 20, 5)},
			[]string{"10|20|1|x", "30|40|1|y"}},
		{"a row inserted again as it was",
			[]placed{create(0, 10, 1, 1, "x"), create(0, 30, 9, 1, "x"), truncate(1, 20, 5)},
			[]string{"10|20|1|x", "30|now|1|x"}},
		{"a row inserted again within the transaction of the truncate",
			[]placed{create(0, 20, 1, 1, "x"), create(0, 20, 9, 1, "x"), truncate(1, 20, 5)},
			[]string{"20|20|1|x", "20|now|1|x"}},
		{"an insert that was sent again changes nothing",
			[]placed{create(0, 10, 1, 1, "x"), create(0, 10, 1, 1, "x")},
			[]string{"10|now|1|x"}},
		{"a truncate of a table that is not there yet",
			[]placed{truncate(1, 20, 5), create(0, 10, 1, 1, "x"), create(0, 30, 9, 2, "y")},
			[]string{"10|20|1|x", "30|now|2|y"}},
		{"a truncate of another origin",
			[]placed{create(0, 5, 1, 1, "x"), west(truncate(1, 20, 5)), create(0, 10, 3, 2, "y")},
			[]string{"5|now|1|x", "10|now|2|y"}},
		{"an update that changes nothing in the millisecond of the truncate before it",
			[]placed{truncate(1, 20, 5), create(0, 20, 2, 1, "x"), update(0, 20, 3, 1, "x")},
			[]string{"20|20|1|x"}},
		{"an update that follows a row which the truncate ended in its millisecond",
			[]placed{create(0, 10, 1, 1, "x"), truncate(1, 20, 5), update(0, 20, 2, 1, unavailable{})},
			[]string{"10|20|1|x"}},
		{"a late change of key takes values from the row before",
			[]placed{truncate(1, 30, 9), create(0, 10, 1, 1, "big"), gone(0, 20, 2, 1), rekeyed(0, 20, 2, 1, 2, unavailable{})},
			[]string{"10|20|1|big", "20|30|2|big"}},
		{"a change of key whose old key was used again",
			[]placed{create(0, 10, 1, 1, "big"), gone(0, 20, 2, 1), create(0, 20, 3, 1, "new"), update(0, 25, 4, 1, "newer"), rekeyed(1, 20, 2, 1, 2, unavailable{})},
			[]string{"10|20|1|big", "20|25|1|new", "20|now|2|big", "25|now|1|newer"}},
		{"an update that has lost its key behind a later one",
			[]placed{create(0, 10, 1, 1, "x"), lost(update(0, 30, 9, 1, "z")), lost(update(1, 20, 5, 1, "y"))},
			[]string{"10|20|1|x", "20|30|1|y", "30|now|1|z"}},
		{"an update that has lost its key, sent again on another partition",
			[]placed{create(0, 10, 1, 1, "x"), lost(update(0, 20, 5, 1, "y")), lost(update(0, 30, 9, 1, "z")), lost(update(1, 20, 5, 1, "y"))},
			[]string{"10|20|1|x", "20|30|1|y", "30|now|1|z"}},
		{"an update that has lost its key, of the same time as a later one",
			[]placed{create(0, 10, 1, 1, "x"), lost(update(0, 20, 9, 1, "z")), lost(update(1, 20, 5, 1, "y"))},
			[]string{"10|20|1|x", "20|20|1|y", "20|now|1|z"}},
		{"a delete that has lost its key, of the same time as a later insert",
			[]placed{create(0, 10, 1, 1, "x"), lost(create(0, 20, 9, 1, "y")), lost(gone(1, 20, 5, 1))},
			[]string{"10|20|1|x", "20|now|1|y"}},
		{"a delete that has lost its key between two inserts, read first",
			[]placed{create(0, 5, 1, 2, "k"), lost(gone(1, 20, 5, 1)), lost(create(2, 10, 3, 1, "x")), lost(create(0, 30, 9, 1, "y"))},
			[]string{"5|now|2|k", "10|20|1|x", "30|now|1|y"}},
		{"a delete that has lost its key between two inserts, read behind the second",
			[]placed{create(0, 5, 1, 2, "k"), lost(create(0, 30, 9, 1, "y")), lost(gone(1, 20, 5, 1)), lost(create(2, 10, 3, 1, "x"))},
			[]string{"5|now|2|k", "10|20|1|x", "30|now|1|y"}},
		{"a delete that has lost its key between two inserts, read last",
			[]placed{create(0, 5, 1, 2, "k"), lost(create(2, 10, 3, 1, "x")), lost(create(0, 30, 9, 1, "y")), lost(gone(1, 20, 5, 1))},
			[]string{"5|now|2|k", "10|20|1|x", "30|now|1|y"}},
		{"a change of key to one whose row a truncate has ended",
			[]placed{create(0, 10, 1, 1, "old"), create(1, 30, 8, 2, "big"), gone(1, 40, 9, 2), rekeyed(0, 40, 9, 2, 1, unavailable{}), truncate(2, 20, 5)},
			[]string{"10|20|1|old", "30|40|2|big", "40|now|1|big"}},
	}
	f := newFixture(t)
	if err := f.cat.PlaceOffsets(t.Context(), "s", f.stream, []catalog.Offset{{Topic: "t", Partition: 1}, {Topic: "t", Partition: 2}}, nil); err != nil {
		t.Fatal(err)
	}
	var next [3]int64
	for i, tt := range tests {
		for _, size := range []int{1, 100} {
			t.Run(fmt.Sprintf("%s/%d", tt.name, size), func(t *testing.T) {
				table := fmt.Sprintf("t%d_%d", i, size)
				targets := make(map[string]*change.Target) // shared, as by the router
				for _, origin := range []string{"", "west"} {
					targets[origin] = &change.Target{Schema: target.Schema, Table: table, Origin: origin}
				}
				var marks [3]change.Mark
				for events := range slices.Chunk(tt.events, size) {
					b := &change.Batch{}
					for i := range next {
						b.Parts = append(b.Parts, change.Part{Topic: "t", Partition: int32(i), Shared: true, From: next[i], Before: marks[i]})
					}
					for _, p := range events {
						ev := p.Event
						ev.Part, ev.Offset, ev.Pos = p.part, next[p.part], change.Position{LSN: p.lsn, HasLSN: true}
						ev.Target = targets[ev.Target.Origin]
						if !marks[p.part].Accept(&ev) {
							t.Fatalf("the mark does not let the event at lsn %d pass", p.lsn)
						}
						next[p.part]++
						b.Events = append(b.Events, ev)
					}
					for i := range next {
						b.Parts[i].Next, b.Parts[i].After = next[i], marks[i]
					}
					a := f.applier() // a new one each time knows only what is stored
					if _, _, err := a.Apply(t.Context(), b); err != nil {
						t.Fatal(err)
					}
					a.Close(t.Context())
				}
				got := f.history("lib."+table+"__", "id::text, a")
				slices.Sort(got)
				want := slices.Sorted(slices.Values(tt.want))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}
