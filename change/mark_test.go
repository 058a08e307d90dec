package change

import (
	"fmt"
	"testing"
)

// at is a streamed event of a keyed table.
func at(commit, lsn uint64, ts int64) Event {
	return Event{Op: Update, KeyShape: &Shape{}, TsMs: ts, Pos: Position{LSN: lsn, CommitLSN: commit, HasLSN: true, HasCommit: commit != 0}}
}

// keyless is an event of a table without a key, with a row of one byte.
func keyless(commit, lsn uint64, ts, sent int64, row byte) Event {
	e := at(commit, lsn, ts)
	e.KeyShape, e.Row, e.SentMs = nil, Tuple{row}, sent
	return e
}

// in puts an event into a transaction.
func in(tx int64, ev Event) Event {
	ev.Pos.TxID = tx
	return ev
}

func TestMarkAccepts(t *testing.T) {
	t.Parallel()
	snapshot := Event{Op: Read, TsMs: 1, Pos: Position{LSN: 5, HasLSN: true}}
	incremental := Event{Op: Read, Snapshot: Incremental, TsMs: 1}
	type seen struct {
		ev   Event
		want bool
	}
	tests := []struct {
		name   string
		events []seen
	}{
		{"a lower lsn of a later commit is new", []seen{
			{at(100, 90, 10), true}, {at(110, 80, 11), true}, {at(110, 85, 11), true},
		}},
		{"rows of one COPY page share the pair", []seen{
			{at(100, 90, 10), true}, {at(100, 90, 10), true}, {at(100, 90, 10), true},
		}},
		{"a tail sent again", []seen{
			{at(100, 90, 10), true}, {at(110, 105, 11), true},
			{at(100, 90, 10), false}, {at(110, 105, 11), true}, {at(120, 115, 12), true},
		}},
		{"a tail sent again, with its first commit lost", []seen{
			{at(100, 90, 10), true}, {at(110, 105, 11), true}, {at(0, 90, 10), false}, {at(110, 105, 11), true},
		}},
		{"a tail sent again, with a commit lost before a higher lsn of an earlier transaction", []seen{
			{in(7, at(100, 117, 10)), true}, {in(5, at(120, 111, 10)), true}, {in(5, at(120, 112, 10)), true},
			{in(7, at(0, 117, 10)), false}, {in(5, at(120, 111, 10)), false}, {in(5, at(120, 112, 10)), true}, {in(8, at(0, 118, 10)), true},
		}},
		{"a first transaction sent again, with its commit known by then", []seen{
			{in(7, keyless(0, 50, 10, 1000, 'x')), true}, {in(7, keyless(0, 51, 10, 1001, 'y')), true},
			{in(7, keyless(40, 50, 10, 9000, 'x')), false}, {in(7, keyless(40, 51, 10, 9001, 'y')), false}, {in(8, keyless(60, 45, 10, 9002, 'y')), true},
		}},
		{"a source restored to an earlier state", []seen{
			{at(900, 890, 10), true}, {at(100, 90, 20), true}, {at(100, 95, 20), true}, {at(100, 90, 20), false},
		}},
		{"a restored source that writes again at the very place", []seen{
			{at(100, 90, 10), true}, {keyless(100, 90, 2000, 2000, 'x'), true}, {keyless(100, 90, 4000, 4000, 'x'), true},
			{keyless(100, 90, 4000, 4001, 'x'), true}, {keyless(100, 90, 4000, 9000, 'x'), false}, {at(90, 80, 3000), false},
		}},
		{"a restored source that has come beyond the place by now", []seen{
			{at(100, 90, 10), true}, {at(50, 40, 20), true}, {at(60, 55, 21), true}, {at(50, 40, 20), false},
		}},
		{"commit times are not strictly ordered", []seen{
			{at(100, 90, 10), true}, {at(110, 105, 8), true}, {at(100, 90, 10), false},
		}},
		{"snapshot rows decide by value", []seen{
			{snapshot, true}, {at(0, 5, 2), true}, {snapshot, true}, {incremental, true}, {at(100, 90, 10), true}, {at(100, 80, 10), false},
		}},
		{"a snapshot read again after the changes that followed it", []seen{
			{snapshot, true}, {at(100, 90, 10), true}, {snapshot, false}, {incremental, true},
		}},
		{"a snapshot of a source restored to an earlier state", []seen{
			{at(100, 90, 10), true}, {Event{Op: Read, TsMs: 20, Pos: Position{LSN: 5, HasLSN: true}}, true},
		}},
		{"the first transaction after a new slot", []seen{
			{at(0, 50, 10), true}, {at(60, 40, 11), true}, {at(60, 40, 11), true},
		}},
		{"equal rows without a key in one COPY page", []seen{
			{keyless(100, 90, 10, 1000, 'x'), true}, {keyless(100, 90, 10, 1001, 'x'), true}, {keyless(100, 90, 10, 1002, 'y'), true},
		}},
		{"rows without a key sent again from the start", []seen{
			{keyless(100, 80, 9, 999, 'a'), true},
			{keyless(100, 90, 10, 1000, 'x'), true}, {keyless(100, 90, 10, 1001, 'x'), true},
			{keyless(100, 80, 9, 5999, 'a'), false},
			{keyless(100, 90, 10, 6000, 'x'), false}, {keyless(100, 90, 10, 6001, 'x'), false},
			{keyless(100, 90, 10, 6002, 'x'), true}, {keyless(100, 90, 10, 6003, 'y'), true}, {keyless(110, 105, 11, 6004, 'x'), true},
		}},
		{"rows without a key sent again twice, the second time from within the page", []seen{
			{keyless(100, 80, 9, 999, 'a'), true}, {keyless(100, 90, 10, 1000, 'x'), true},
			{keyless(100, 80, 9, 5999, 'a'), false}, {keyless(100, 90, 10, 6000, 'x'), false}, {keyless(100, 90, 10, 6001, 'y'), true},
			{keyless(100, 90, 10, 12000, 'y'), false}, {keyless(100, 90, 10, 12001, 'z'), true},
		}},
		{"rows without a key sent again from within the page", []seen{
			{keyless(100, 90, 10, 1000, 'x'), true}, {keyless(100, 90, 10, 1001, 'y'), true}, {keyless(100, 90, 10, 1002, 'z'), true},
			{keyless(100, 90, 10, 6000, 'y'), false}, {keyless(100, 90, 10, 6001, 'z'), false}, {keyless(100, 90, 10, 6002, 'w'), true},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var m Mark
			for i, s := range tt.events {
				if got := m.Accept(&s.ev); got != s.want {
					t.Fatalf("event %d: accepted %v, want %v", i, got, s.want)
				}
			}
		})
	}
}

// TestMarkOfSharedTopics lets through what another partition may have brought, and
// only that.
func TestMarkOfSharedTopics(t *testing.T) {
	t.Parallel()
	const day = int64(24 * 60 * 60 * 1000)
	lost, truncate := keyless(100, 90, 10, 0, 'x'), keyless(100, 90, 10, 0, 'x')
	lost.KeyLost, truncate.Op = true, Truncate
	for name, tt := range map[string]struct {
		ev   Event
		want bool
	}{
		"without a key":            {keyless(100, 90, 10, 0, 'x'), true},
		"older than is remembered": {keyless(100, 90, 10-day, 0, 'x'), false},
		"with a key":               {at(100, 90, 10), false},
		"with a key that was lost": {lost, false},
		"truncate":                 {truncate, false},
	} {
		var m Mark
		newest := at(200, 190, 10)
		m.Accept(&newest)
		if got := m.AcceptShared(&tt.ev); got != tt.want {
			t.Errorf("%s: accepted %v", name, got)
		}
	}
}

func TestSentRuns(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		sent []int64
		want int
	}{
		{nil, 0}, {[]int64{5}, 1}, {[]int64{5, 5, 6}, 3}, {[]int64{5, 5000}, 1}, {[]int64{5, 5000, 5001}, 2}, {[]int64{5, 6, 7, 5000, 5001, 9000}, 3},
	} {
		if got := SentRuns(tt.sent); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.sent, got, tt.want)
		}
	}
}

func TestSplitEqualsWhole(t *testing.T) {
	t.Parallel()
	shared := func() *Batch {
		b := &Batch{Parts: []Part{{Topic: "a", From: 0, Next: 9}, {Topic: "b", From: 5, Next: 8}}, Records: 12}
		marks := []Mark{{}, {}}
		for i, e := range []struct {
			part   int
			offset int64
		}{{0, 1}, {1, 5}, {0, 3}, {1, 7}, {0, 6}} {
			ev := at(uint64(100+i), uint64(90+i), int64(i))
			ev.Part, ev.Offset = e.part, e.offset
			marks[e.part].Accept(&ev)
			b.Events = append(b.Events, ev)
		}
		b.Parts[0].After, b.Parts[1].After = marks[0], marks[1]
		b.Dead = []DeadLetter{{Part: 0, Offset: 2}, {Part: 0, Offset: 8}, {Part: 1, Offset: 6}}
		return b
	}
	for i := range 6 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			b := shared()
			head, tail := b.Split(i)
			if len(head.Events) != i || len(tail.Events) != 5-i || len(head.Dead)+len(tail.Dead) != 3 {
				t.Fatalf("events %d + %d, dead letters %d + %d", len(head.Events), len(tail.Events), len(head.Dead), len(tail.Dead))
			}
			for p := range b.Parts {
				h, tl := head.Parts[p], tail.Parts[p]
				if h.From != b.Parts[p].From || tl.Next != b.Parts[p].Next || h.Next != tl.From {
					t.Errorf("part %d: %d..%d, %d..%d", p, h.From, h.Next, tl.From, tl.Next)
				}
				for _, e := range head.Events {
					if e.Part == p && e.Offset >= h.Next {
						t.Errorf("part %d: event %d of the head lies behind its end %d", p, e.Offset, h.Next)
					}
				}
				for _, e := range tail.Events {
					if e.Part != p {
						continue
					}
					if e.Offset < h.Next {
						t.Errorf("part %d: event %d of the tail lies before its start %d", p, e.Offset, h.Next)
					}
					if m := tl.Before; !m.Accept(&e) {
						t.Errorf("part %d: the tail's event %d is taken for a repetition", p, e.Offset)
					}
				}
			}
		})
	}
}
