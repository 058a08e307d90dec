package examples

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"metadb/cmd/metadb/localpg"
	"metadb/testsql/instance"
	"metadb/testsql/pgtest"
	"metadb/testsql/poll"
)

// TestReadme does what the README says: an installation on a PostgreSQL of its
// own, grants, and the tour on the demo's recording. What "make demo" adds to the
// tour, a user and a broker, is made here; the demo itself has tests of its own.
func TestReadme(t *testing.T) {
	t.Parallel()
	page, err := Read("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	i := &installation{T: t, pg: pgtest.Server(t), dir: t.TempDir(), port: freePort(t)}
	i.makefile()
	for _, b := range page.Blocks {
		if b.Section == "On real servers" {
			i.follow(b)
		}
	}
	i.await()
	super := startPSQL(t, i.pg.URL("metadb"))
	for _, b := range page.Blocks {
		if b.Section == "Who may use statements" && b.Language == "sql" {
			i.must(b, super.run(b.Text))
		}
	}
	i.must(Block{}, super.run("CREATE ROLE demo LOGIN PASSWORD 'demo'; GRANT metadb_admin, pg_read_all_data TO demo;"))
	i.tour(page)
}

// tour plays the conversations of the tour.
func (i *installation) tour(page Page) {
	i.Helper()
	broker := playedBroker(i.T)
	change := strings.NewReplacer(printedBroker, broker.Addr())
	back := strings.NewReplacer(broker.Addr(), printedBroker)
	conn := connect(i.T, i.pg.URL("metadb"))
	var p *psql
	played := 0
	for _, b := range page.Blocks {
		switch {
		case b.Section == "Two commands" && b.Language == "sh":
			i.follow(b)
		case b.Section != "A tour of ten minutes":
		case b.Language == "sh":
			m := regexp.MustCompile(`^psql "(postgresql://demo:demo@127\.0\.0\.1:)8550(/metadb)"\n$`).FindStringSubmatch(b.Text)
			if m == nil {
				i.Fatalf("line %d is not what the demo prints: %s", b.Line, b.Text)
			}
			p = startPSQL(i.T, m[1]+strconv.Itoa(i.port)+m[2])
		case b.Language == "sql":
			i.must(b, p.run(change.Replace(b.Text)))
			drained(i.T, conn, broker)
		default:
			steps := b.Steps()
			p.play(steps, change, back)
			played += len(steps)
		}
	}
	if played < 10 {
		i.Errorf("the tour has %d steps only", played)
	}
}

// installation is a server that was installed as the README says.
type installation struct {
	*testing.T
	pg      *localpg.Server
	dir     string
	port    int
	targets []byte // of the Makefile
}

func (i *installation) makefile() {
	i.Helper()
	var err error
	if i.targets, err = os.ReadFile("../../Makefile"); err != nil {
		i.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(i.dir, "bin"), 0o700); err != nil {
		i.Fatal(err)
	}
	if err := os.Symlink(instance.Binary(i.T), filepath.Join(i.dir, "bin", "metadb")); err != nil {
		i.Fatal(err)
	}
}

// follow does what a block says.
func (i *installation) follow(b Block) {
	i.Helper()
	switch b.Language {
	case "sql":
		i.must(b, startPSQL(i.T, i.pg.URL("postgres")).run(secret.Replace(b.Text)))
	case "ini":
		i.configure(b)
	case "sh":
		for _, line := range lines(b.Text) {
			i.shell(b, line)
		}
	}
}

// secret fills in the passwords that the README leaves out.
var secret = strings.NewReplacer("…", "secret")

// configure writes the configuration, with the address and the password of the
// PostgreSQL that is here. The system user's password is the one that its role was made with.
func (i *installation) configure(b Block) {
	i.Helper()
	text := secret.Replace(b.Text)
	for key, value := range map[string]string{
		"host": i.pg.Host(), "port": strconv.Itoa(i.pg.Port()), "superuser": i.pg.User(), "superuser_password": i.pg.Password(), "sslmode": "disable",
	} {
		setting := regexp.MustCompile(`(?m)^` + key + ` = .*$`)
		if !setting.MatchString(text) {
			i.Errorf("line %d: no %s", b.Line, key)
		}
		text = setting.ReplaceAllLiteralString(text, key+" = "+value)
	}
	if err := os.WriteFile(filepath.Join(i.dir, "data", "metadb.conf"), []byte(text), 0o600); err != nil {
		i.Fatal(err)
	}
}

// shell runs a line. Targets of make must be there, and are run by other tests.
func (i *installation) shell(b Block, line string) {
	i.Helper()
	if target, ok := strings.CutPrefix(line, "make "); ok {
		target, _, _ = strings.Cut(target, " ")
		if !bytes.Contains(i.targets, []byte("\n"+target+":")) {
			i.Errorf("line %d: make has no target %s", b.Line, target)
		}
		return
	}
	if strings.Contains(line, "metadb start ") {
		line = "exec " + line + " -p " + strconv.Itoa(i.port)
		cmd := exec.Command("sh", "-c", line)
		cmd.Dir = i.dir
		if err := cmd.Start(); err != nil {
			i.Fatal(err)
		}
		i.Cleanup(func() {
			if out, err := exec.Command(filepath.Join(i.dir, "bin", "metadb"), "stop", "-D", filepath.Join(i.dir, "data")).CombinedOutput(); err != nil {
				i.Errorf("stop: %v: %s", err, out)
				_ = cmd.Process.Kill()
			}
			_ = cmd.Wait()
		})
		return
	}
	cmd := exec.CommandContext(i.Context(), "sh", "-c", line)
	cmd.Dir = i.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		i.Fatalf("line %d: %s: %v: %s", b.Line, line, err, out)
	}
}

// await waits until the server accepts connections.
func (i *installation) await() {
	i.Helper()
	if poll.Until(i.Context(), 20*time.Millisecond, patient, func() bool {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(i.port)))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}) {
		return
	}
	log, _ := os.ReadFile(filepath.Join(i.dir, "metadb.log"))
	i.Fatalf("the server does not accept connections:\n%s", log)
}

// must fails where psql answers with an error.
func (i *installation) must(b Block, answer string) {
	i.Helper()
	if strings.Contains(answer, "ERROR:") || strings.Contains(answer, "FATAL:") {
		i.Fatalf("line %d:\n%s", b.Line, answer)
	}
}

// freePort asks the kernel for a port that is free now.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(fmt.Errorf("find a port: %w", err))
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
