package broker

import (
	"encoding/json"
	"testing"
)

func TestParseLoad(t *testing.T) {
	t.Parallel()
	load, err := ParseLoad("snapshot=10,updates=5,partitions=3")
	if err != nil || load != (Load{Snapshot: 10, Updates: 5, Partitions: 3}) {
		t.Errorf("%+v, %v", load, err)
	}
	for _, bad := range []string{"", "snapshot", "snapshot=x", "rows=1", "updates=1", "snapshot=1,partitions=0", "snapshot=-1"} {
		if _, err := ParseLoad(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestGeneratedEvents(t *testing.T) {
	t.Parallel()
	load := Load{Snapshot: 100, Updates: 50, Partitions: 3}
	offsets := map[int32]int64{}
	var marks []string
	var lastLSN int64
	count := 0
	for record := range load.records() {
		count++
		if record.Offset != offsets[record.Partition] {
			t.Fatalf("offset %d, want %d", record.Offset, offsets[record.Partition])
		}
		offsets[record.Partition]++
		var value struct {
			Schema  struct{ Fields []any }
			Payload struct {
				After  map[string]any
				Op     string
				Source struct {
					Snapshot, Sequence string
					LSN                int64
				}
			}
		}
		if err := json.Unmarshal(record.Value, &value); err != nil {
			t.Fatal(err)
		}
		p := value.Payload
		if len(p.After) != len(columns()) || len(value.Schema.Fields) != 8 {
			t.Fatalf("%d columns, %d fields", len(p.After), len(value.Schema.Fields))
		}
		if size := len(record.Value); size < 3500 || size > 4300 {
			t.Fatalf("%d bytes", size)
		}
		if p.Op == "u" && p.Source.LSN <= lastLSN {
			t.Fatalf("lsn %d after %d", p.Source.LSN, lastLSN)
		}
		lastLSN = p.Source.LSN
		if !json.Valid([]byte(p.Source.Sequence)) || !json.Valid(record.Key) {
			t.Fatalf("sequence %q, key %s", p.Source.Sequence, record.Key)
		}
		if p.Op == "r" {
			marks = append(marks, p.Source.Snapshot)
		} else if p.Source.Snapshot != "false" {
			t.Fatalf("update marked %q", p.Source.Snapshot)
		}
	}
	if count != 150 || len(marks) != 100 || marks[0] != "first" || marks[1] != "true" || marks[99] != "last" {
		t.Errorf("%d events, marks %v", count, marks)
	}
}

func TestDecimal(t *testing.T) {
	t.Parallel()
	for number, want := range map[int64]string{0: "AA==", 1: "AQ==", 127: "fw==", 128: "AIA=", -1: "/w==", -128: "gA==", 666: "Apo="} {
		if got := decimal(number); got != want {
			t.Errorf("%d: %s, want %s", number, got, want)
		}
	}
}
