package streamer

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"metadb/catalog"
	"metadb/change"
)

func TestStartAt(t *testing.T) {
	t.Parallel()
	here, other := [16]byte{1}, [16]byte{2}
	lsn := int64(9)
	log := logRange{id: here, start: 100, end: 200}
	stored := func(id [16]byte, next int64) *catalog.Offset {
		return &catalog.Offset{Topic: "t", TopicID: id, Next: next, LSN: &lsn}
	}
	gap := func(kind string, expected int64) *catalog.Gap {
		return &catalog.Gap{Topic: "t", Kind: kind, Expected: expected, Available: 100}
	}
	tests := []struct {
		name    string
		stored  *catalog.Offset
		group   int64
		next    int64
		gap     *catalog.Gap
		changed bool
	}{
		{"nothing known", nil, -1, 100, nil, true},
		{"the group's offset is the way in from 1.4", nil, 150, 150, nil, true},
		{"another group, with the mark of the one before", stored(here, -1), -1, 100, nil, true},
		{"another group, of another topic", stored(other, -1), 150, 150, nil, true},
		{"the group's offset lies before the log", nil, 50, 100, gap(catalog.GapRetention, 50), true},
		{"the group's offset lies behind the log", nil, 250, 100, gap(catalog.GapTruncated, 250), true},
		{"our position counts, not the group's", stored(here, 120), 180, 120, nil, false},
		{"at the end of the log", stored(here, 200), -1, 200, nil, false},
		{"retention has passed us", stored(here, 99), -1, 100, gap(catalog.GapRetention, 99), true},
		{"the log was truncated", stored(here, 201), -1, 100, gap(catalog.GapTruncated, 201), true},
		{"another topic of the same name", stored(other, 150), 150, 100, gap(catalog.GapRecreated, 150), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, g, changed := startAt(partition{"t", 0}, tt.stored, tt.group, log)
			if o.Next != tt.next || o.TopicID != here || changed != tt.changed {
				t.Errorf("next %d of topic %v, changed %v; want %d, %v", o.Next, o.TopicID, changed, tt.next, tt.changed)
			}
			if diff := cmp.Diff(tt.gap, g); diff != "" {
				t.Errorf("gap (-want +got):\n%s", diff)
			}
			if tt.stored != nil && o.LSN == nil && tt.stored.TopicID == here {
				t.Error("the mark is lost")
			}
		})
	}
}

func TestMarkSurvivesTheCatalog(t *testing.T) {
	t.Parallel()
	lsn, commit, ts, again, sent := int64(5), int64(4), int64(3), int32(1), int64(7)
	got := markOf(catalog.Offset{LSN: &lsn, CommitLSN: &commit, TsMs: &ts, Run: []int64{-1}, RunAgain: &again, LastSent: &sent})
	want := change.Mark{Set: true, LSN: 5, CommitLSN: 4, TsMs: 3, Run: []uint64{1<<64 - 1}, Again: 1, LastSent: 7}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
