package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"metadb/catalog"
)

// seen is a state with a source that works and one that does not.
func seen() *overview {
	at := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	started := at.Add(-76*time.Hour - time.Minute)
	lag, none := int64(48210), int64(0)
	behind, current := 1.24, 0.0
	return &overview{
		Time: at, Server: catalog.ServerStatus{Version: "v1.9", Started: &started, Running: true},
		Sources: []catalog.SourceStatus{
			{Name: "folio", State: "active", Sync: "normal", Lag: &lag, LagSeconds: &behind, Rate: 18004.4, Events: 90211822, Partitions: 114},
			{Name: "rs", State: "error", Sync: "snapshot", Reason: "connect to\nbrokers", DeadLetters: 2},
			{Name: "third", State: "active", Sync: "normal", Lag: &none, LagSeconds: &current, Unsynchronized: true},
		},
	}
}

func TestStatusTable(t *testing.T) {
	t.Parallel()
	want := `server v1.9, up 3 d 4 h, 3 data sources

SOURCE  STATE   SYNC      LAG    RECORDS  EVENTS/S  EVENTS    PARTITIONS  DEAD  NOTE
folio   active  normal    1.2 s  48210    18004     90211822  114         0
rs      error   snapshot  -      -        0         0         0           2     connect to brokers
third   active  normal    0.0 s  0        0         0         0           0     events are missing
`
	if got := statusTable(seen()); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got := statusTable(&overview{}); got != "server not running, 0 data sources\n" {
		t.Errorf("%q", got)
	}
}

// TestStatusInAPipe repeats the state without a character that moves a cursor, and
// in JSON one object a line.
func TestStatusInAPipe(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := newScreen(&out)
	for range 2 {
		if err := s.show(seen(), statusFlags{watch: time.Second}); err != nil {
			t.Fatal(err)
		}
	}
	if text := out.String(); strings.Contains(text, "\x1b") || strings.Count(text, "\n\nserver v1.9") != 1 {
		t.Errorf("%q", text)
	}
	out.Reset()
	for range 2 {
		if err := s.show(seen(), statusFlags{watch: time.Second, json: true}); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%q", lines)
	}
	var o overview
	if err := json.Unmarshal([]byte(lines[1]), &o); err != nil || o.Sources[0].Name != "folio" || *o.Sources[0].Lag != 48210 {
		t.Errorf("%v: %+v", err, o)
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 59 * time.Second: "59 s", 61 * time.Second: "1 min 1 s", 90 * time.Minute: "1 h 30 min", 49 * time.Hour: "2 d 1 h",
	} {
		if got := span(d); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
}
