package kafka

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// program is the package of the broker's program.
const program = "metadb/testsql/broker/cmd/broker"

// buildTime bounds the building, which may be a cold one.
const buildTime = 10 * time.Minute

// binary builds the broker once in a test process.  The file has one name for
// a work tree, so that no copies pile up; a new one replaces it in one step.
var binary = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	module, err := output(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "metadb")
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "metadb", "test")
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
	if _, err := output(ctx, "go", "build", "-buildvcs=false", "-o", temp.Name(), program); err != nil {
		return "", errors.Join(err, os.Remove(temp.Name()))
	}
	tree := sha256.Sum256([]byte(module))
	final := filepath.Join(dir, fmt.Sprintf("broker-%x", tree[:8]))
	return final, os.Rename(temp.Name(), final)
})

// output runs a command and returns what it printed.
func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}
