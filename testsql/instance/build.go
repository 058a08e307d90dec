package instance

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Binary is the path of the server's binary, built now if need be.
func Binary(t testing.TB) string {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// binary builds the server once per test process, with failpoints and, where the
// test itself has it, the race detector.
var binary = sync.OnceValues(func() (string, error) {
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "metadb").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	tree := sha256.Sum256(module)
	dir := filepath.Join(cache, "metadb", "test", fmt.Sprintf("server-%x", tree[:8]))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	final, args := filepath.Join(dir, "metadb"), []string{"build", "-tags", "failpoint"}
	if raceEnabled {
		final, args = filepath.Join(dir, "metadb-race"), append(args, "-race")
	}
	work, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }()
	// The go command leaves a program alone that is what it would link, which saves
	// seconds in each package; and one that it does link it puts in the place of the
	// link, so that others may run the old one meanwhile.
	built := filepath.Join(work, "metadb")
	if err := os.Link(final, built); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	args = append(args, "-o", built)
	cmd := exec.Command("go", append(args, "metadb/cmd/metadb")...)
	cmd.Dir = strings.TrimSpace(string(module))
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build server: %w: %s", err, out)
	}
	return final, os.Rename(built, final)
})
