package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestReferenceNeverPrints(t *testing.T) {
	t.Parallel()
	const marker = "mArKeR"
	v := struct {
		Name string
		R    Reference
	}{"x", marker}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "r", v.R, "v", v)
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "r", v.R, "v", v)
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out := fmt.Sprintf("%v %+v %#v %s %q %x %d", v, v, v, v.R, v.R, v.R, v.R) + log.String() + string(encoded) + fmt.Sprint(v.R)
	if strings.Contains(out, marker) || strings.Contains(out, fmt.Sprintf("%x", marker)) {
		t.Errorf("the secret shows: %s", out)
	}
	if !strings.Contains(out, Mask) {
		t.Errorf("no mask: %s", out)
	}
	if Reference("").String() != "" {
		t.Error("nothing shows as something")
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	inside := filepath.Join(dir, "secrets")
	write(t, filepath.Join(inside, "plain"), "pass word\n")
	write(t, filepath.Join(inside, "windows"), "pw\r\n")
	write(t, filepath.Join(inside, "lines"), "a\n\n")
	write(t, filepath.Join(inside, "..data", "kafka"), "by link")
	write(t, filepath.Join(inside, "big"), strings.Repeat("x", maxFile+1))
	write(t, filepath.Join(dir, "outside"), "not for you")
	link(t, "..data/kafka", filepath.Join(inside, "kafka"))
	link(t, "../outside", filepath.Join(inside, "leaving"))
	link(t, filepath.Join(dir, "outside"), filepath.Join(inside, "absolute"))
	link(t, "..", filepath.Join(inside, "up"))
	if err := syscall.Mkfifo(filepath.Join(inside, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("METADB_SECRET_PW", "from the environment")
	t.Setenv("METADB_OTHER", "not for you")
	s := NewStore(inside)
	for r, want := range map[Reference]string{
		"literal": "literal", "": "", "file:plain": "pass word", "file:windows": "pw", "file:lines": "a\n",
		"file:kafka": "by link", "file:./plain": "pass word", "env:METADB_SECRET_PW": "from the environment",
	} {
		if got, err := s.Resolve(r); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", string(r), got, err, want)
		}
	}
	for r, want := range map[Reference]string{
		"file:leaving": "escapes", "file:absolute": "escapes", "file:up/outside": "escapes", "file:../outside": "without",
		"file:x/../plain": "without", "file:" + Reference(filepath.Join(inside, "plain")): "relative", "file:": "relative",
		"file:none": "no such file", "file:pipe": "regular", "file:..data": "regular", "file:big": "larger",
		"env:METADB_OTHER": "METADB_SECRET_", "env:PATH": "METADB_SECRET_", "env:METADB_SECRET_NONE": "not in the environment",
	} {
		got, err := s.Resolve(r)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, error %v, want one with %q", string(r), got, err, want)
		}
	}
	if _, err := (Store{}).Resolve("file:plain"); err == nil {
		t.Error("a store without a directory reads files")
	}
	write(t, filepath.Join(inside, "plain"), "rotated")
	if got, err := s.Resolve("file:plain"); err != nil || got != "rotated" {
		t.Errorf("after a change: %q, %v", got, err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}
