package localpg

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(envChild) != "" {
		startAndHang()
	}
	goleak.VerifyTestMain(m)
}

func quick() map[string]string { return map[string]string{"fsync": "off"} }

func start(t *testing.T, opts Options) *Server {
	t.Helper()
	server, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func query(t *testing.T, address, sql string) (string, error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var text string
	err = conn.QueryRow(t.Context(), sql).Scan(&text)
	return text, err
}

func TestSettingsAndAccount(t *testing.T) {
	t.Parallel()
	settings := quick()
	settings["cluster_name"] = `it's a \ test`
	server := start(t, Options{User: "chief", Password: "p@ss word", Settings: settings})
	for sql, want := range map[string]string{
		"SHOW cluster_name":            `it's a \ test`,
		"SHOW fsync":                   "off",
		"SHOW listen_addresses":        "127.0.0.1",
		"SHOW unix_socket_directories": server.SocketDir(),
		"SELECT current_user::text":    "chief",
		"SELECT rolsuper::text FROM pg_roles WHERE rolname = 'chief'": "true",
		"SELECT DISTINCT auth_method FROM pg_hba_file_rules":          "scram-sha-256",
	} {
		got, err := query(t, server.URL("postgres"), sql)
		if err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", sql, got, err, want)
		}
	}
}

func TestStopRestartKeepsPortAndData(t *testing.T) {
	t.Parallel()
	server := start(t, Options{Settings: quick()})
	port := server.Port()
	url := server.URL("postgres")
	if _, err := query(t, url, "CREATE TABLE t AS SELECT 'kept'::text AS c; SELECT c FROM t"); err == nil {
		t.Fatal("two statements in one query were accepted")
	}
	if _, err := query(t, url, "SELECT set_config('a.b', 'c', false)"); err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(false); err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(true); err != nil {
		t.Errorf("second stop: %v", err)
	}
	if _, err := query(t, url, "SELECT 'x'"); err == nil {
		t.Error("answers after stop")
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if server.Port() != port {
		t.Errorf("port %d became %d", port, server.Port())
	}
	if _, err := query(t, url, "SELECT 'x'"); err != nil {
		t.Error(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := server.Restart(t.Context()); err == nil {
		t.Error("restarted after close")
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	first := start(t, Options{Settings: quick()})
	second, err := Start(t.Context(), Options{Port: first.Port()})
	if !errors.Is(err, errPortTaken) {
		t.Errorf("got %v", err)
	}
	if second != nil {
		_ = second.Close()
	}
}

func TestNoBinaries(t *testing.T) {
	t.Setenv(EnvBinaries, t.TempDir())
	if server, err := Start(t.Context(), Options{}); err == nil {
		_ = server.Close()
		t.Error("started without binaries")
	}
}

// TestPackagedServers fetches every packaged version.
func TestPackagedServers(t *testing.T) {
	t.Parallel()
	if os.Getenv("METADB_TEST_LONG") == "" {
		t.Skip("downloads servers; set METADB_TEST_LONG")
	}
	for major := range packagedVersions() {
		t.Run(major, func(t *testing.T) {
			t.Parallel()
			server := start(t, Options{Packaged: major, Settings: quick()})
			version, err := query(t, server.URL("postgres"), "SHOW server_version")
			if err != nil || !strings.HasPrefix(version, major+".") {
				t.Errorf("version %q, %v", version, err)
			}
		})
	}
}

// TestFetchLeavesNothing looks at the directory for temporary files after a fetch.
func TestFetchLeavesNothing(t *testing.T) {
	if os.Getenv("METADB_TEST_LONG") == "" {
		t.Skip("downloads a server; set METADB_TEST_LONG")
	}
	work, temp := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temp)
	if err := fetch(packagedVersions()[defaultPackaged], work, filepath.Join(work, "tree")); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v (%v)", left, err)
	}
}
