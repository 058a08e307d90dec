package streamer

import (
	"fmt"
	"testing"

	"metadb/testsql/compare"
)

// TestHardRecordings plays the stages of each hard recording, comparing after
// every one, with restarts of ours between them.
func TestHardRecordings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, topics string
		stages       int
		keyless      map[int]map[string]string // stage → query → rows
	}{
		{"interleave", `^hard_interleave\.`, 3, map[int]map[string]string{2: {"h.log_nopk": "92"}, 3: {"h.log_nopk": "104"}}},
		{"interleave_txmeta", `^hard_txm\.`, 3, nil},
		{"partitions", `^hard_partitions\.`, 3, map[int]map[string]string{2: {"h.log_nopk": "86"}, 3: {"h.log_nopk": "95"}}},
		{"snapshot_restart", `^hard_snaprestart\.`, 2, nil},
		{"snapshot_restart_default", `^hard_snapdef\.`, 2, nil},
		{"restored_source_initial", `^hard_restored_init\.`, 2, nil},
		{"restored_source_no_data", `^hard_restored_nodata\.`, 2, nil},
		{"resync_same_topics", `^hard_resync_same\.`, 3, nil},
		{"offsets_lost", `^hard_offlost\.`, 3, map[int]map[string]string{3: {"h.log_nopk": "45"}}},
		{"adhoc", `^hard_adhoc2\.`, 2, nil},
		{"adhoc_txmeta", `^hard_adhoc3\.`, 2, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.source(tt.topics)
			for stage := 1; stage <= tt.stages; stage++ {
				name := fmt.Sprintf("hard/%s/stage%d", tt.name, stage)
				stop := b.start()
				b.play(name)
				b.drained()
				b.demandSimple(b.check(compare.Options{Capture: name, Unclosed: true}))
				for table, want := range tt.keyless[stage] {
					if got := b.text("SELECT count(*)::text FROM " + table); got != want {
						t.Errorf("stage %d: %s rows of %s, want %s", stage, got, table, want)
					}
				}
				stop()
			}
		})
	}
}
