package realkafka

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Bounds of waiting.
const (
	startTime = 2 * time.Minute
	pause     = 100 * time.Millisecond
)

// quietLog is the configuration of the Java programs' log.
const quietLog = `log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d %p %c{1}: %m%n
`

// program is a running Java program.  It ends with the test, or with the test's
// process: a shell kills it when its own input is closed.
type program struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	exited chan struct{}

	// mu guards log.
	mu  sync.Mutex
	log bytes.Buffer
}

// Write takes what the program prints.
func (p *program) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(text)
}

// arguments are those of a Java program with the libraries in dirs.
func arguments(dir, heap string, libraries, class string, args ...string) []string {
	return append([]string{"java", "-Xmx" + heap, "-Dlog4j.configuration=file:" + filepath.Join(dir, "log4j.properties"),
		"-cp", filepath.Join(libraries, "*"), class}, args...)
}

// launch starts a Java program.
func launch(t testing.TB, args []string) *program {
	t.Helper()
	p := &program{exited: make(chan struct{})}
	p.cmd = exec.Command("sh", append([]string{"-c", `"$@" & java=$!; cat >/dev/null; kill -9 $java; wait $java`, "sh"}, args...)...) //nolint:noctx // ended by the closing of stdin
	p.cmd.Stdout, p.cmd.Stderr = p, p
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.exited)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			p.mu.Lock()
			defer p.mu.Unlock()
			t.Logf("%s:\n%s", strings.Join(args, " "), p.log.String())
		}
	})
	return p
}

// stop kills the program.
func (p *program) stop() {
	_ = p.stdin.Close()
	<-p.exited
}

// run runs a Java program to its end and returns what it printed.
func run(t testing.TB, args []string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// await waits until a condition holds.
func await(t testing.TB, what string, p *program, holds func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	for {
		err := holds(ctx)
		if err == nil {
			return
		}
		select {
		case <-p.exited:
			t.Fatalf("%s: the program has ended", what)
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-time.After(pause):
		}
	}
}

// ports asks the kernel for n ports that nobody listens on.
func ports(t testing.TB, n int) []string {
	t.Helper()
	list := make([]string, n)
	for i := range list {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		list[i] = fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	}
	return list
}

// write makes a file in a directory.
func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
