package progress

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

// TestPlainLines shows progress where there is no terminal: few lines, and no
// character that moves a cursor.
func TestPlainLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := time.Unix(0, 0)
	l := newLine(&out, "rows", 100, func() time.Time { return now })
	for i := range 41 {
		l.Show(int64(i), "table lib.item")
		now = now.Add(500 * time.Millisecond)
	}
	l.Show(400, "")
	l.Show(400, "")
	l.Close()
	want := "20 of 100 rows, table lib.item, 2 rows/s, 40s left\n" +
		"40 of 100 rows, table lib.item, 2 rows/s, 30s left\n" +
		"100 of 100 rows, 5 rows/s, 0s left\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// TestNoBarInAFile writes into a file as into any pipe.
func TestNoBarInAFile(t *testing.T) {
	t.Parallel()
	f, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l := New(f, "rows", 3)
	for i := range int64(4) {
		l.Show(i, "")
	}
	l.Close()
	text, err := os.ReadFile(f.Name())
	if err != nil || strings.ContainsAny(string(text), "\r\x1b") || strings.Count(string(text), "\n") != 1 || !strings.HasPrefix(string(text), "3 of 3 rows, ") {
		t.Errorf("%q, %v", text, err)
	}
}
