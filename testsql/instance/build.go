package instance

import (
	"crypto/sha256"
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
	temp, err := os.CreateTemp(dir, "build-")
	if err != nil {
		return "", err
	}
	if err := temp.Close(); err != nil {
		return "", err
	}
	args := []string{"build", "-tags", "failpoint", "-o", temp.Name()}
	if raceEnabled {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "metadb/cmd/metadb")...)
	cmd.Dir = strings.TrimSpace(string(module))
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build server: %w: %s", err, out)
	}
	final := filepath.Join(dir, "metadb")
	return final, os.Rename(temp.Name(), final)
})
