package streamer

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"testing"

	"metadb/testsql/broker"
	"metadb/testsql/captures"
	"metadb/testsql/compare"
)

// TestBulkHardRecordings plays the stages of each hard recording, comparing after
// every one, with restarts of ours between them.
func TestBulkHardRecordings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, topics string
		stages       int
		keyless      map[int]map[string]string // stage → table → rows
		// except: a second snapshot brings rows without a key again, which only the
		// marks of a resync will tell from new ones; and h.gen has a generated
		// column that streamed events lack.
		except []string
	}{
		{"interleave", `^hard_interleave\.`, 3, map[int]map[string]string{2: {"h.log_nopk": "92"}, 3: {"h.log_nopk": "104"}}, nil},
		{"interleave_txmeta", `^hard_txm\.`, 3, nil, nil},
		{"partitions", `^hard_partitions\.`, 3, map[int]map[string]string{2: {"h.log_nopk": "86"}, 3: {"h.log_nopk": "95"}}, nil},
		{"snapshot_restart", `^hard_snaprestart\.`, 2, nil, []string{"d_keyless"}},
		{"snapshot_restart_default", `^hard_snapdef\.`, 2, nil, []string{"d_keyless"}},
		{"restored_source_initial", `^hard_restored_init\.`, 2, nil, []string{"log_nopk"}},
		{"restored_source_no_data", `^hard_restored_nodata\.`, 2, nil, nil},
		{"resync_same_topics", `^hard_resync_same\.`, 3, nil, nil},
		{"offsets_lost", `^hard_offlost\.`, 3, map[int]map[string]string{3: {"h.log_nopk": "45"}}, nil},
		{"adhoc", `^hard_adhoc2\.`, 2, nil, []string{"gen"}},
		{"adhoc_txmeta", `^hard_adhoc3\.`, 2, nil, []string{"gen"}},
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
				b.demandEqual(b.check(compare.Options{Capture: name, Unclosed: true}), tt.except...)
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

// TestBulkResyncUnderANewPrefix streams the same resync taken the other way: an
// ordinary snapshot in new topics, after the old ones were read to their end.
func TestBulkResyncUnderANewPrefix(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.source(`^hard_resync_same(_new)?\.`)
	b.start()
	for _, name := range []string{"resync_same_topics/stage1", "resync_same_topics/stage2", "resync_same_topics_new_prefix/stage3"} {
		b.play("hard/" + name)
		b.drained()
	}
	b.demandEqual(b.check(compare.Options{Capture: "hard/resync_same_topics_new_prefix/stage3", Unclosed: true}), "log_nopk")
}

// TestBulkVariants plays one small database through seven configurations of the
// connector.
func TestBulkVariants(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"vnoschema", "vstring", "vtxmeta", "vnumeric", "vsignal", "vdocs"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.source(`^metadb_` + name + `\.`)
			b.play("variants/" + name)
			b.start()
			b.drained()
			b.demandEqual(b.check(compare.Options{Capture: "variants/" + name}))
		})
	}
}

// TestDebezium19 plays what Debezium 1.9 sent until it failed; there is no truth,
// but every event must find its table.
func TestDebezium19(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.source(`^metadb_v19\.`)
	b.play("variants/v19")
	b.start()
	b.drained()
	if got := b.text("SELECT count(*)::text FROM metadb.dead_letter"); got != "0" {
		t.Errorf("%s dead letters: %s", got, b.text("SELECT min(reason) FROM metadb.dead_letter"))
	}
	for table, keys := range replayKeys(t, "variants/v19", "metadb_v19.") {
		if got := b.text("SELECT count(*)::text FROM " + table); got != fmt.Sprint(keys) {
			t.Errorf("%s: %s rows, want %d", table, got, keys)
		}
	}
}

// replayKeys counts the keys that a recording leaves in each table.
func replayKeys(t *testing.T, name, prefix string) map[string]int {
	t.Helper()
	keys := make(map[string]map[string]bool)
	for rec, err := range captures.Read(name) {
		if err != nil {
			t.Fatal(err)
		}
		table, ours := strings.CutPrefix(rec.Topic, prefix)
		var v struct{ Payload struct{ Op string } }
		if !ours || rec.Value == nil {
			continue
		}
		if err := json.Unmarshal(rec.Value, &v); err != nil {
			t.Fatal(err)
		}
		if keys[table] == nil {
			keys[table] = make(map[string]bool)
		}
		switch v.Payload.Op {
		case "d":
			delete(keys[table], string(rec.Key))
		case "t":
			clear(keys[table])
		default:
			keys[table][string(rec.Key)] = true
		}
	}
	counts := make(map[string]int)
	for table, k := range keys {
		counts[table] = len(k)
	}
	return counts
}

// TestBulkShopResync streams the recording of a second connector after the first's.
func TestBulkShopResync(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.source(`^metadb_shop_[12]\.`, "on_bad_value", "null")
	b.play("shop")
	b.start()
	b.drained()
	b.play("shop_resync")
	b.drained()
	b.demandEqual(b.check(compare.Options{Capture: "shop_resync", Unclosed: true, Oracle: "2_resync_streamed"}), "events_nopk") // keyless: see TestBulkHardRecordings
}

// TestBulkPartitionsInAnyOrder reads each stage of a recording over several partitions
// one partition after the other, in both directions.
func TestBulkPartitionsInAnyOrder(t *testing.T) {
	t.Parallel()
	for _, descending := range []bool{false, true} {
		t.Run(fmt.Sprintf("descending=%v", descending), func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.source(`^hard_partitions\.`)
			b.start()
			for stage := 1; stage <= 3; stage++ {
				name := fmt.Sprintf("hard/partitions/stage%d", stage)
				for i := range int32(8) {
					if descending {
						i = 7 - i
					}
					b.playPartition(name, i)
					b.drained()
				}
				b.demandEqual(b.check(compare.Options{Capture: name}))
			}
		})
	}
}

// playPartition produces one partition of each topic of a recording.
func (b *bed) playPartition(name string, partition int32) {
	b.Helper()
	topics := broker.Partitions{}
	for rec, err := range captures.Read(path.Dir(name)) { // all stages: topics have their partitions from the first
		if err != nil {
			b.Fatal(err)
		}
		topics[rec.Topic] = max(topics[rec.Topic], rec.Partition+1)
	}
	records := func(yield func(captures.Record, error) bool) {
		for rec, err := range captures.Read(name) {
			if rec.Partition == partition && !yield(rec, err) {
				return
			}
		}
	}
	if _, err := broker.Fill(b.Context(), b.kafka.Addr(), topics, records, 0); err != nil {
		b.Fatal(err)
	}
}
