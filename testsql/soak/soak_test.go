package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSoak runs a small load for some seconds, with the real programs.
func TestSoak(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, pkg := range map[string]string{"metadb": "metadb/cmd/metadb", "broker": "metadb/testsql/broker/cmd/broker"} {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", filepath.Join(dir, name), pkg)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v: %s", name, err, out)
		}
	}
	var out bytes.Buffer
	err := run(t.Context(), &out, options{
		metadb: filepath.Join(dir, "metadb"), broker: filepath.Join(dir, "broker"),
		time: 4 * time.Second, peakTime: 2 * time.Second, sample: 200 * time.Millisecond,
		share: 0.3, tables: 3, rows: 20, sessions: 2, think: 20 * time.Millisecond,
	})
	// Whether a few seconds are flat is for the machine to say, all else for us.
	if err != nil && !strings.Contains(err.Error(), " grows: ") {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "3 tables with 20 rows each") || !strings.Contains(out.String(), "| last quarter | ") {
		t.Errorf("%s", out.String())
	}
}
