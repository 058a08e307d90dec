package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// run executes the command line and returns what it prints and its error.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestInitMakesWhat14Makes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	out, err := run(t, "init", "-D", dir)
	if err != nil || out != "metadb: initialized new data directory in "+dir+"\n" {
		t.Fatalf("%q, %v", out, err)
	}
	info, err := os.Stat(filepath.Join(dir, confFile))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v: it will hold passwords", confFile, info.Mode())
	}
	if _, err := run(t, "init", "-D", dir); err == nil || err.Error() != dir+" already exists" {
		t.Errorf("again: %v", err)
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"bogus"}, `unknown command "bogus" for "metadb"`},
		{[]string{"init"}, `required flag(s) "dir" not set`},
		{[]string{"start"}, "data directory not specified"},
		{[]string{"start", "-D", "/nonexistent/d"}, "data directory not found: /nonexistent/d"},
		{[]string{"stop", "-D", "/nonexistent/d"}, "data directory not found: /nonexistent/d"},
	} {
		if _, err := run(t, tt.args...); err == nil || err.Error() != tt.want {
			t.Errorf("%v: %v, want %q", tt.args, err, tt.want)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if out, err := run(t, "version"); err != nil || out != "metadb version "+version+"\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// writeConf makes a data directory with a configuration file.
func writeConf(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, confFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestConf(t *testing.T) {
	t.Parallel()
	dir := writeConf(t, "[main]\nhost = db\nport = 5433\ndatabase = w\nsuperuser = root\nsystemuser = sys\n"+
		"systemuser_password = it's \\ # a; secret\nsslmode = disable\n")
	c, err := readConf(dir)
	if err != nil {
		t.Fatal(err)
	}
	config, err := c.system()
	if err != nil {
		t.Fatal(err)
	}
	if config.Host != "db" || config.Port != 5433 || config.Database != "w" || config.User != "sys" ||
		config.Password != `it's \ # a; secret` || config.RuntimeParams["timezone"] != "UTC" {
		t.Errorf("%s %d %s %s %q %v", config.Host, config.Port, config.Database, config.User, config.Password, config.RuntimeParams)
	}
	if c.AllowPasswordlessLocal {
		t.Error("clients without a password are let in by default")
	}
	for text, want := range map[string]string{
		"[main]\nhost = x\n":                                     "database is not set",
		"[main]\ndatabase = x\nmax_poll_interval = 1\n":          "max_poll_interval is no longer supported in metadb.conf (see ALTER SYSTEM command)",
		"[main]\ndatabase = x\nallow_passwordless_local = maybe": "expected true or false",
	} {
		if _, err := readConf(writeConf(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestPidFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, pidFile)
	// One left behind by a process that is gone is overwritten.
	if err := os.WriteFile(path, []byte("4194305\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if pid, err := runningPID(dir); pid != 0 || err != nil {
		t.Errorf("a stale file names process %d, %v", pid, err)
	}
	lock, err := lockPID(dir)
	if err != nil {
		t.Fatal(err)
	}
	if pid, err := runningPID(dir); pid != os.Getpid() || err != nil {
		t.Errorf("running: %d, %v", pid, err)
	}
	want := "PID " + strconv.Itoa(os.Getpid())
	if _, err := lockPID(dir); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a second server: %v", err)
	}
	lock.release()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
	if err := stop(t.Context(), dir, func(string) {}); err != nil {
		t.Errorf("stop without a server: %v", err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := stop(t.Context(), dir, func(string) {}); err == nil || !strings.Contains(err.Error(), "expected integer") {
		t.Errorf("stop with a broken file: %v", err)
	}
}

func TestLogLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(newLogHandler(&out, slog.LevelInfo)).With("source", "a b")
	log.Debug("not seen")
	log.Info("one\ntwo", "table", "lib.loan", "empty", "", "at", time.Unix(0, 0))
	log.Warn("w")
	log.Log(t.Context(), levelFatal, "f")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := []string{
		` UTC  INFO:  one two source="a b" table=lib.loan empty="" at=1970-01-01T00:00:00Z`,
		` UTC  WARNING:  w source="a b"`,
		` UTC  FATAL:  f source="a b"`,
	}
	if len(lines) != len(want) {
		t.Fatalf("%q", lines)
	}
	for i := range want {
		if lines[i][len("2006-01-02 15:04:05"):] != want[i] {
			t.Errorf("%q, want %q", lines[i], want[i])
		}
	}
}
