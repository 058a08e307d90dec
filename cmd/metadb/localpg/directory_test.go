package localpg

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// openDir makes a directory that the server's user can enter; above t.TempDir
// stands one that it cannot.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "localpg-test-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDirIsKept(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	opts := Options{Dir: filepath.Join(dir, "server"), Password: "same", Settings: quick()}
	first := start(t, opts)
	if _, err := query(t, first.URL("postgres"), "SELECT pg_catalog.set_config('a.b', 'c', false)"); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), opts); err == nil {
		t.Error("two servers in one directory")
	}
	id, err := query(t, first.URL("postgres"), "SELECT system_identifier::text FROM pg_control_system()")
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := query(t, start(t, opts).URL("postgres"), "SELECT system_identifier::text FROM pg_control_system()")
	if err != nil || again != id {
		t.Errorf("cluster %s became %s, %v", id, again, err)
	}
}

// TestUnreachableDirectory gives root's server a directory that its user
// cannot enter.
func TestUnreachableDirectory(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root runs the server as somebody else")
	}
	dir := openDir(t)
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	server, err := Start(t.Context(), Options{Dir: filepath.Join(dir, "server")})
	if server != nil {
		_ = server.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "cannot enter "+dir) {
		t.Errorf("got %v", err)
	}
}

// TestAbandonedOrNew clears only places that nobody has, and that nobody is about to.
func TestAbandonedOrNew(t *testing.T) {
	t.Parallel()
	base := openDir(t)
	hourAgo := time.Now().Add(-time.Hour)
	place := func(name string, parts ...string) string {
		dir := filepath.Join(base, name)
		for _, part := range parts {
			if err := os.MkdirAll(filepath.Join(dir, part), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	places := []struct {
		name  string
		dir   string
		made  time.Time
		owned bool
		kept  bool
	}{
		{"made now, no lock yet", place(tempPrefix+"1", ""), time.Now(), false, true},
		{"made now, locked", place(tempPrefix+"2", ""), time.Now(), true, true},
		{"its maker died before there was data", place(tempPrefix+"3", ""), hourAgo, false, false},
		{"its maker still lives", place(tempPrefix+"4", ""), hourAgo, true, true},
		{"its owner died", place(tempPrefix+"5", "data"), time.Now(), false, false},
		{"its owner lives", place(tempPrefix+"6", "data"), hourAgo, true, true},
		{"of something else", place("other", "data"), hourAgo, false, true},
	}
	for _, p := range places {
		if p.owned {
			lock, err := takeLock(filepath.Join(p.dir, "lock"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = lock.Close() }()
		}
		if err := os.Chtimes(p.dir, p.made, p.made); err != nil {
			t.Fatal(err)
		}
	}
	removeAbandoned(base)
	for _, p := range places {
		if _, err := os.Stat(p.dir); (err == nil) != p.kept {
			t.Errorf("%s: kept %t, want %t", p.name, err == nil, p.kept)
		}
	}
}
