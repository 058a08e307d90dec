package change

import (
	"slices"
	"testing"
)

// TestCutKeepsTheMark cuts a partition behind keyless rows that were sent again:
// the rest must know how many of them have come back already.
func TestCutKeepsTheMark(t *testing.T) {
	t.Parallel()
	row := func(offset int64, value byte, sent int64) Event {
		ev := at(100, 100, 10)
		ev.Op, ev.KeyShape, ev.Key = Create, nil, nil
		ev.Row, ev.SentMs, ev.Offset = Tuple{0, 0, 0, 1, value}, sent, offset
		return ev
	}
	var mark Mark
	for i, v := range []byte{'a', 'b'} {
		ev := row(int64(i), v, int64(i))
		mark.Accept(&ev)
	}
	b := &Batch{Parts: []Part{{Topic: "t", From: 2, Next: 6, Before: mark}}}
	// The connector comes back: a and b again, then an a that is new, then one more.
	for i, v := range []byte{'a', 'b', 'a', 'b'} {
		ev := row(int64(2+i), v, 100_000+int64(i))
		if mark.Accept(&ev) {
			b.Events = append(b.Events, ev)
		} else {
			b.SentAgain(0, ev.Offset, mark)
		}
	}
	b.Parts[0].After = mark
	if len(b.Events) != 2 || len(b.Skips) != 2 || len(b.Resent) != 1 {
		t.Fatalf("%d events, %d skips, %d waypoints", len(b.Events), len(b.Skips), len(b.Resent))
	}
	target := &Target{Table: "held"}
	b.Events[0].Target, b.Events[1].Target = target, target
	head, rest, _ := b.Before(func(ev *Event) bool { return ev.Target.Table == "held" })
	if head.Parts[0].Next != 4 || len(head.Events) != 0 || head.Counts().Repeated != 2 || rest.Counts().Repeated != 0 {
		t.Fatalf("head ends at %d with %d events, %+v, then %+v", head.Parts[0].Next, len(head.Events), head.Counts(), rest.Counts())
	}
	again := rest.Parts[0].Before
	for i := range rest.Events {
		if ev := rest.Events[i]; !again.Accept(&ev) {
			t.Errorf("offset %d, read again behind the cut, is taken for a repetition", ev.Offset)
		}
	}
}

// TestBeforeHoldsPartitionsOnly leaves the other partitions whole.
func TestBeforeHoldsPartitionsOnly(t *testing.T) {
	t.Parallel()
	free, held := &Target{Table: "free"}, &Target{Table: "held"}
	b := &Batch{Parts: []Part{{Topic: "a", Next: 10}, {Topic: "b", Next: 10}}}
	for i, e := range []struct {
		part int
		to   *Target
	}{{0, free}, {0, held}, {1, free}, {0, free}, {1, free}} {
		b.Events = append(b.Events, Event{Part: e.part, Offset: int64(i), Target: e.to})
	}
	b.Dead = []DeadLetter{{Part: 0, Offset: 6}, {Part: 1, Offset: 7}}
	head, rest, _ := b.Before(func(ev *Event) bool { return ev.Target == held })
	offsets := func(b *Batch) (list []int64) {
		for _, e := range b.Events {
			list = append(list, e.Offset)
		}
		return list
	}
	if got := offsets(head); !slices.Equal(got, []int64{0, 2, 4}) {
		t.Errorf("head has %v", got)
	}
	if got := offsets(rest); !slices.Equal(got, []int64{1, 3}) {
		t.Errorf("rest has %v", got)
	}
	if head.Parts[0].Next != 1 || rest.Parts[0].From != 1 || head.Parts[1].Next != 10 || rest.Parts[1].From != 10 {
		t.Errorf("parts %+v, %+v", head.Parts, rest.Parts)
	}
	if len(head.Dead) != 1 || len(rest.Dead) != 1 {
		t.Errorf("dead letters %d and %d", len(head.Dead), len(rest.Dead))
	}
}

// TestBeforeHoldsLetters cuts before a dead letter of a held table, too; one of an
// unknown table does not matter.
func TestBeforeHoldsLetters(t *testing.T) {
	t.Parallel()
	held := &Target{Table: "held"}
	b := &Batch{Parts: []Part{{Topic: "a", Next: 10}, {Topic: "b", Next: 10}}}
	b.Dead = []DeadLetter{{Part: 1, Offset: 2}, {Part: 1, Offset: 4, Event: Event{Target: held}}, {Part: 1, Offset: 6, Event: Event{Target: held}}}
	head, rest, found := b.Before(func(ev *Event) bool { return ev.Target == held })
	if head.Parts[0].Next != 10 || head.Parts[1].Next != 4 || len(head.Dead) != 1 || len(rest.Dead) != 2 {
		t.Errorf("head %+v with %d letters, rest with %d", head.Parts, len(head.Dead), len(rest.Dead))
	}
	if len(found) != 1 || found[0].Part != 1 || found[0].Event != &b.Dead[1].Event {
		t.Errorf("found %+v", found)
	}
}
