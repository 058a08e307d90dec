package warehouse

import (
	"strings"
	"testing"

	"metadb/catalog"
)

// TestEndsyncOfAnEarlierRequest lets a request to end a synchronization, whatever it
// closes, come when that is no more: another has begun, of which nothing is read yet.
// It closes nothing, and says so.
func TestEndsyncOfAnEarlierRequest(t *testing.T) {
	t.Parallel()
	const earlier, takenBack = "made for an earlier synchronization", "taken back"
	tests := []struct {
		name    string
		between func(f *fixture, request *catalog.SyncRequest)
		refused string
	}{
		{"the same synchronization", func(*fixture, *catalog.SyncRequest) {}, ""},
		{"cancelled and begun again", func(f *fixture, _ *catalog.SyncRequest) {
			f.exec("CALL metadb.cancel_sync('s')")
			f.beginSync(f.next)
		}, takenBack},
		{"begun again", func(f *fixture, _ *catalog.SyncRequest) { f.beginSync(f.next) }, earlier},
		{"the stream was replaced", func(f *fixture, _ *catalog.SyncRequest) {
			var err error
			f.stream, err = f.cat.OpenStream(t.Context(), catalog.Source{Name: "s", Brokers: "b", Topics: "u", ConsumerGroup: "h"})
			if err != nil {
				t.Fatal(err)
			}
			f.beginSync(f.next)
		}, earlier},
		{"the stream was replaced, and nothing has begun", func(f *fixture, _ *catalog.SyncRequest) {
			_, err := f.cat.OpenStream(t.Context(), catalog.Source{Name: "s", Brokers: "b", Topics: "u", ConsumerGroup: "h"})
			if err != nil {
				t.Fatal(err)
			}
		}, "replaced or cancelled"},
		{"of the initial mode, and a SYNC waits", func(f *fixture, _ *catalog.SyncRequest) {
			f.exec("UPDATE metadb.source_sync SET mode = 1")
		}, "replaced or cancelled"},
		{"of an earlier version, without a generation", func(_ *fixture, request *catalog.SyncRequest) { request.Generation = nil }, earlier},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.apply(f.applier(), merge(t, 1000, loanShape, loanKey, 1, "a"), merge(t, 1000, loanShape, loanKey, 2, "b"))
			f.beginSync(f.next)
			f.apply(f.applier(), snap(t, 2000, 100, 1, "a"))
			request := f.endsyncRequest()
			tt.between(f, &request)
			result := f.endsyncOf(request, nil)
			want := "2"
			if tt.refused == "" {
				want = "1"
			}
			if got := f.lines("SELECT count(*)::text FROM lib.loan"); got[0] != want {
				t.Errorf("%s rows are current, want %s", got[0], want)
			}
			if (tt.refused == "") != (result.Refused == "") || !strings.Contains(result.Refused, tt.refused) {
				t.Errorf("%+v, want %q", result, tt.refused)
			}
		})
	}
}

// TestEndsyncOfAReplacedSynchronization has another stream take the place of the one
// whose synchronization is being ended, early: what was closed is a gap.
func TestEndsyncOfAReplacedSynchronization(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.apply(f.applier(), merge(t, 1000, loanShape, loanKey, 1, "a"), merge(t, 1000, loanShape, loanKey, 2, "b"))
	f.beginSync(f.next)
	f.apply(f.applier(), snap(t, 2000, 100, 1, "a"))
	result := f.endsyncOf(f.endsyncRequest(), func(point string) {
		if point == "endsync.closed" {
			_, err := f.cat.OpenStream(t.Context(), catalog.Source{Name: "s", Brokers: "b", Topics: "u", ConsumerGroup: "h"})
			if err != nil {
				t.Error(err)
			}
		}
	})
	if result.Closed != 1 || !strings.Contains(result.Refused, "replaced or cancelled") {
		t.Errorf("%+v", result)
	}
	if got := f.lines("SELECT kind FROM metadb.source_gap WHERE cleared_at IS NULL"); len(got) != 1 || got[0] != catalog.GapForced {
		t.Errorf("gaps %v", got)
	}
}

// TestSyncWhileAnEndsyncEnds lets a SYNC come before an endsync that came by itself: the
// source stays in synchronization.
func TestSyncWhileAnEndsyncEnds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.apply(f.applier(), merge(t, 1000, loanShape, loanKey, 1, "a"))
	f.beginSync(f.next)
	f.exec("CALL metadb.sync_data_source('s')")
	if result := f.endsync(nil); result.Refused != "" || result.Closed != 1 {
		t.Errorf("%+v", result)
	}
	if got := f.lines("SELECT s.sync || ' ' || r.state FROM metadb.source s, metadb.request r WHERE r.kind = 'sync'"); got[0] != "2 waiting" {
		t.Errorf("mode and request: %s", got[0])
	}
}
