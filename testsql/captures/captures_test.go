package captures

import (
	"os"
	"slices"
	"testing"
)

func TestNames(t *testing.T) {
	t.Parallel()
	names := Names()
	for _, want := range []string{"shop", "shop_resync", "variants/vstring", "hard/interleave/stage2"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not in %v", want, names)
		}
	}
}

func TestReadEveryRecording(t *testing.T) {
	t.Parallel()
	want := map[string]int{
		"shop": 7393, "shop_resync": 3437, "variants/v19": 623, "hard/interleave/stage1": 981,
		"hard/interleave": 981 + 7376 + 861,
	}
	for _, name := range append(Names(), "hard/interleave") {
		if _, counted := want[name]; !counted && os.Getenv("METADB_TEST_LONG") == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			count := checkOffsets(t, name)
			if n, ok := want[name]; ok && count != n {
				t.Errorf("%d records, want %d", count, n)
			}
		})
	}
}

// checkOffsets sees that offsets have no gaps and returns how many records
// there are.
func checkOffsets(t *testing.T, name string) int {
	type place struct {
		topic     string
		partition int32
	}
	next := map[place]int64{}
	count := 0
	for record, err := range Read(name) {
		if err != nil {
			t.Fatal(err)
		}
		count++
		at := place{record.Topic, record.Partition}
		if want, seen := next[at]; seen && record.Offset != want {
			t.Fatalf("%v: offset %d, want %d", at, record.Offset, want)
		}
		next[at] = record.Offset + 1
		if record.Timestamp.Year() != 2026 {
			t.Fatalf("%v %d: time %v", at, record.Offset, record.Timestamp)
		}
	}
	return count
}

func TestReadKeepsNullAndHeaders(t *testing.T) {
	t.Parallel()
	var tombstones, headers, longest int
	for record, err := range Read("shop") {
		if err != nil {
			t.Fatal(err)
		}
		if record.Key != nil && record.Value == nil {
			tombstones++
		}
		headers += len(record.Headers)
		longest = max(longest, len(record.Value))
	}
	if tombstones == 0 || headers == 0 || longest < 1<<20 {
		t.Errorf("%d tombstones, %d headers, longest value %d", tombstones, headers, longest)
	}
}

func TestReadUnknown(t *testing.T) {
	t.Parallel()
	for _, err := range Read("nothing") {
		if err == nil {
			t.Error("a record of a recording that does not exist")
		}
		return
	}
	t.Error("no error")
}
