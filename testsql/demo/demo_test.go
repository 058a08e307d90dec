package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patient bounds each wait, on a busy machine.
const patient = 6 * time.Minute

// TestDemo runs the built demo as a person would, one whose PATH has neither psql
// nor PostgreSQL: the printed line works as it stands, the tables go on growing, and
// after SIGTERM nothing is left.
func TestDemo(t *testing.T) {
	t.Parallel()
	p := start(t)
	line := p.await(`^  \S*psql "[^"]*" -c ".*"$`)
	session := p.await(`^  \S*psql "[^"]*"$`)

	rows := p.shell(line + " -A -t")
	versions := strings.Split(strings.TrimSpace(rows), "\n")
	if len(versions) < 3 {
		t.Fatalf("%s\nno history: %q", line, rows)
	}
	for i, v := range versions {
		fields := strings.Split(v, "|")
		last := i == len(versions)-1
		if len(fields) != 6 || (fields[2] == "t") != last {
			t.Errorf("version %d: %q", i, v)
		}
		if !last && fields[1] != strings.Split(versions[i+1], "|")[0] {
			t.Errorf("version %d does not end where the next begins: %q", i, v)
		}
	}

	if status := p.shell(session + " -A -t -c 'LIST STATUS'"); !strings.HasPrefix(status, "data_source|shop|active|") {
		t.Errorf("LIST STATUS: %q", status)
	}
	count := session + " -A -t -c 'SELECT count(*) FROM shop.customers__'"
	before := p.shell(count)
	deadline := time.Now().Add(patient)
	for p.shell(count) == before {
		if time.Now().After(deadline) {
			t.Fatal("the tables do not grow after the recording")
		}
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.ended()
}

// TestOnce lets the demo end by itself.
func TestOnce(t *testing.T) {
	t.Parallel()
	p := start(t, "-once")
	p.await(`^\d+ of \d+ records, \d+ row versions, \d+ records/s, 0s left$`)
	p.await(`^  \S*psql ".*" -c ".*"$`)
	p.ended()
}

// TestServerThatCannotStart gives its reason.
func TestServerThatCannotStart(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	p := &running{T: t, dir: tempDir(t)}
	cmd := p.command(t.Context(), "-port", port)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "address already in use") {
		t.Errorf("%v: %s", err, out)
	}
	p.checkNothingLeft()
}

// running is a running demo whose children and files are all in dir.
type running struct {
	*testing.T
	dir   string
	path  string // the PATH
	cmd   *exec.Cmd
	lines *bufio.Scanner
	seen  strings.Builder
}

// start runs the demo at full speed.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	p := &running{T: t, dir: tempDir(t)}
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	t.Cleanup(cancel)
	p.cmd = p.command(ctx, append(args, "-rate", "0")...)
	out, in := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = in, in
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	go func() { _ = in.CloseWithError(p.cmd.Wait()) }()
	return p
}

// command is the demo with a directory for all that it makes.
func (p *running) command(ctx context.Context, args ...string) *exec.Cmd {
	p.Helper()
	bin := os.Getenv(envBin)
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "demo"), append(args, "-metadb", filepath.Join(bin, "metadb"))...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	p.path = bareDirectory(p.T)
	cmd.Env = append(os.Environ(), "TMPDIR="+p.dir, "PATH="+p.path)
	return cmd
}

// bareDirectory has links to all programs of the PATH but psql and PostgreSQL's.
func bareDirectory(t *testing.T) string {
	t.Helper()
	bare := t.TempDir()
	hidden := regexp.MustCompile(`^(psql|postgres|initdb|pg_)`)
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // a PATH may name what is not there
		}
		for _, e := range entries {
			if !hidden.MatchString(e.Name()) {
				_ = os.Symlink(filepath.Join(dir, e.Name()), filepath.Join(bare, e.Name())) // the first of a name stays
			}
		}
	}
	return bare
}

// tempDir is a directory that PostgreSQL's own user can enter, too.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "demo-test-") //nolint:usetesting // that one is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestMain makes the demo and the server once, as "make demo" does.
func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

// envBin tells the tests where the built programs are.
const envBin = "METADB_DEMO_TEST_BIN"

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "demo-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for name, pkg := range map[string]string{"demo": "metadb/testsql/demo", "metadb": "metadb/cmd/metadb"} {
		out, err := exec.Command("go", "build", "-buildvcs=false", "-o", filepath.Join(dir, name), pkg).CombinedOutput()
		if err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v: %s\n", name, err, out)
			return 1
		}
	}
	if err := os.Setenv(envBin, dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// await reads output until a line matches, and returns it.
func (p *running) await(pattern string) string {
	p.Helper()
	re := regexp.MustCompile(pattern)
	for p.lines.Scan() {
		p.seen.WriteString(p.lines.Text() + "\n")
		if re.MatchString(p.lines.Text()) {
			return p.lines.Text()
		}
	}
	p.Fatalf("no line %s (%v):\n%s", pattern, p.lines.Err(), p.seen.String())
	return ""
}

// shell runs a line as a person does.
func (p *running) shell(line string) string {
	p.Helper()
	cmd := exec.CommandContext(p.Context(), "sh", "-c", line)
	cmd.Env = append(os.Environ(), "PATH="+p.path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.Fatalf("%s: %v: %s", line, err, out)
	}
	return string(out)
}

// ended waits for the demo's end, which must be a good one and leave nothing.
func (p *running) ended() {
	p.Helper()
	p.await(`^Everything has ended; nothing is left behind\.$`)
	for p.lines.Scan() {
		p.seen.WriteString(p.lines.Text() + "\n")
	}
	if err := p.lines.Err(); err != nil {
		p.Errorf("%v:\n%s", err, p.seen.String())
	}
	p.checkNothingLeft()
}

// checkNothingLeft looks for files and, where the system shows it, for processes
// that work in the demo's directory.
func (p *running) checkNothingLeft() {
	p.Helper()
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		p.Fatal(err)
	}
	for _, e := range entries {
		p.Errorf("%s is left", e.Name())
	}
	if runtime.GOOS != "linux" {
		return
	}
	processes, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		p.Fatal(err)
	}
	for _, link := range processes {
		if cwd, err := os.Readlink(link); err == nil && strings.HasPrefix(cwd, p.dir) {
			p.Errorf("process %s is left", link)
		}
	}
}
