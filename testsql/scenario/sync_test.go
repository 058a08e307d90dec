package scenario

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"metadb/testsql/captures"
	"metadb/testsql/instance"
	"metadb/testsql/kafka"
)

// Exit codes, as docs/command-line.md has them.
const (
	codeError       = 1
	codeDeclined    = 3
	codeRefused     = 4
	codePending     = 5
	codeInterrupted = 130
)

// newLoans makes a stage whose source has read n loans, and then the end of its
// initial synchronization.
func newLoans(t *testing.T, n int) *stage {
	t.Helper()
	s := newStage(t, kafka.Options{})
	s.broker.CreateTopic("m.lib.loan", 1)
	s.loans("false", "c", 1_700_000_000_000, 0, n)
	s.Start()
	s.exec("UPDATE metadb.config SET value = '0' WHERE parameter = 'sync_grace_seconds'")
	s.createSource(`^m\.`)
	s.drained()
	return s
}

// loans sends events of the loans from (included) to (not included); those of a snapshot share
// their position. The last one of a snapshot ends it.
func (s *stage) loans(mark, op string, at int64, from, to int) {
	s.Helper()
	const fields = `{"type":"int32","optional":false,"field":"id"}`
	var records []captures.Record
	for id := from; id < to; id++ {
		ts, m := at+int64(id), mark
		if op == "r" {
			if ts = at; id == to-1 {
				m = "last"
			}
		}
		schema := `{"type":"struct","fields":[{"type":"struct","fields":[` + fields + `],"optional":true,"name":"v","field":"before"},` +
			`{"type":"struct","fields":[` + fields + `],"optional":true,"name":"v","field":"after"}],"optional":false,"name":"e"}`
		key := fmt.Sprintf(`{"schema":{"type":"struct","fields":[`+fields+`],"name":"k"},"payload":{"id":%d}}`, id)
		value := fmt.Sprintf(`{"schema":%s,"payload":{"before":null,"after":{"id":%d},"source":{"ts_ms":%d,"snapshot":%q,"schema":"lib","table":"loan",`+
			`"txId":1,"lsn":%d,"sequence":"[\"%d\",\"%d\"]"},"op":%q,"ts_ms":%d}}`, schema, id, ts, m, ts, ts, ts, op, ts)
		records = append(records, captures.Record{Topic: "m.lib.loan", Key: []byte(key), Value: []byte(value)})
	}
	s.broker.Produce(records...)
}

// command runs metadb sync or endsync with what is typed, and demands an exit code.
func (s *stage) command(want int, typed string, args ...string) string {
	s.Helper()
	cmd := exec.Command(instance.Binary(s.T), append([]string{args[0], "-D", s.Dir(), "--source", "shop"}, args[1:]...)...)
	cmd.Stdin = strings.NewReader(typed)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != want {
		s.Fatalf("metadb %s: exit code %d, want %d:\n%s", strings.Join(args, " "), code, want, out.String())
	}
	return out.String()
}

// says fails unless the output has the lines, in their order.
func (s *stage) says(out string, lines ...string) {
	s.Helper()
	rest := out
	for _, line := range lines {
		_, after, found := strings.Cut(rest, line)
		if !found {
			s.Fatalf("no %q in its place in:\n%s", line, out)
		}
		rest = after
	}
}

// state is all that a refused command must leave as it is.
func (s *stage) state() string {
	s.Helper()
	var text string
	err := s.Conn().QueryRow(s.Context(), `
		SELECT concat_ws(' ', (SELECT string_agg(name || sync, ' ') FROM metadb.source), (SELECT count(*) FROM metadb.request),
		       (SELECT string_agg(generation::text, ' ') FROM metadb.source_sync))`).Scan(&text)
	if err != nil {
		s.Fatal(err)
	}
	return text
}

// TestSyncCommands run a resynchronization by the command line: with the server running, or stopped, when
// the broker is out of reach for the endsync too.
func TestSyncCommands(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{true, false} {
		t.Run(map[bool]string{true: "running", false: "stopped"}[running], func(t *testing.T) {
			t.Parallel()
			s := newLoans(t, 200)
			conn := s.Conn()
			pause := func() {
				if !running {
					s.Stop()
				}
			}
			resume := func() {
				if !running {
					s.Start()
				}
			}
			pause()
			s.says(s.command(0, "", "endsync"), "metadb: endsync: refreshing inferred column types\n", "metadb: endsync: no column converted\n", "metadb: endsync: completed\n")
			s.until(conn, "0", "SELECT sync::text FROM metadb.source")
			s.says(s.command(codeRefused, "y\ny\n", "endsync"), `metadb: error: "endsync" can only be used in sync mode`)
			s.says(s.command(0, "YES\n", "sync"), `Begin synchronization process for data source "shop"? `,
				"metadb: sync: preparing tables for new snapshot\n", "metadb: sync: completed\n")
			s.until(conn, "true", "SELECT adopted::text FROM metadb.source_sync")
			before := s.state()
			out := s.command(codeDeclined, "n\n", "sync")
			s.says(out, `WARNING: Synchronization in progress for data source "shop".`, "Interrupt and restart synchronization with new snapshot? ")
			s.command(codeDeclined, "y\n", "sync")
			s.command(codeRefused, "y\ny\n", "endsync", "--force")
			if got := s.state(); got != before {
				t.Fatalf("declined and refused commands left %s, want %s", got, before)
			}
			resume()
			s.loans("true", "r", 1_700_001_000_000, 0, 120)
			s.until(conn, "snapshot_complete", "SELECT source_sync FROM metadb.status")
			pause()
			if !running {
				s.broker.Kill()
			}
			before = s.state()
			s.says(s.command(codeRefused, "y\ny\n", "endsync", "--max-unconfirmed", "39"),
				"metadb: endsync: safety check: reading sync record counts\n", "metadb: endsync: safety check: reading current record counts\n",
				"the data source: 80 of 200 current records not confirmed\n", "(--max-unconfirmed 40 would let them be marked as deleted)\n")
			s.command(codeError, "", "endsync", "--max-unconfirmed", "101")
			s.says(s.command(codeDeclined, "", "endsync", "--max-unconfirmed", "40"), "40% of current records have not been confirmed by the new snapshot.\n",
				"The unconfirmed records will be marked as deleted.\n", "Do you want to continue? ")
			s.says(s.command(codeDeclined, "y\nno\n", "endsync", "--max-unconfirmed", "40"), `Finalize synchronization for data source "shop"? `)
			if got := s.state(); got != before {
				t.Fatalf("declined and refused commands left %s, want %s", got, before)
			}
			s.says(s.command(0, "", "endsync", "--force", "--max-unconfirmed", "40"), "80 records marked as deleted", "metadb: endsync: completed\n")
			s.until(conn, "0 120 80", `SELECT (SELECT sync FROM metadb.source) || ' ' || (SELECT count(*) FROM lib.loan) || ' '
				|| (SELECT count(*) FROM lib.loan__ WHERE NOT __current)`)
		})
	}
}

// TestSyncWithoutBrokers begins a synchronization while nothing runs: it stays asked
// for, and the command says so.
func TestSyncWithoutBrokers(t *testing.T) {
	t.Parallel()
	s := newLoans(t, 3)
	s.Stop()
	s.broker.Kill()
	s.says(s.command(codePending, "", "sync", "--force", "-v"), "no server is running", "stays, and the server goes on with it when it is started\n")
	s.says(s.command(codeRefused, "", "endsync", "--force"), "has not begun yet")
	conn := s.Conn()
	s.until(conn, "2 waiting", "SELECT s.sync || ' ' || r.state FROM metadb.source s, metadb.request r WHERE r.kind = 'sync'")
	s.broker.Restart()
	s.Start()
	s.until(conn, "done", "SELECT state FROM metadb.request WHERE kind = 'sync'")
}

// TestSyncCommandMistakes are refused before anything is changed.
func TestSyncCommandMistakes(t *testing.T) {
	t.Parallel()
	s := newLoans(t, 1)
	before := s.state()
	for _, args := range [][]string{
		{"sync", "-D", s.Dir(), "--source", "nope", "--force"},
		{"endsync", "-D", s.Dir(), "--source", "nope", "--force"},
		{"sync", "-D", s.Dir(), "--force"},
		{"sync", "-D", s.Dir(), "--source", "shop", "--trace"},
		{"sync", "-D", s.Dir(), "--source", "shop", "now"},
		{"endsync", "-D", s.Dir(), "--source", "shop", "--force", "--max-unconfirmed", "-1"},
		{"endsync", "-D", s.Dir(), "--source", "shop", "--force", "--max-unconfirmed", "all"},
	} {
		out, code := s.Instance.Run(args...)
		if code != codeError || !strings.HasPrefix(out, "metadb: error: ") || strings.Count(out, "\n") != 1 {
			t.Errorf("%v: exit code %d: %s", args, code, out)
		}
	}
	if got := s.state(); got != before {
		t.Errorf("mistakes left %s, want %s", got, before)
	}
}

// TestSyncInterrupted ends the command while the server waits for the brokers: the
// request stays, and is done when they are back.
func TestSyncInterrupted(t *testing.T) {
	t.Parallel()
	s := newLoans(t, 1)
	s.broker.Kill()
	cmd := exec.Command(instance.Binary(t), "sync", "-D", s.Dir(), "--source", "shop", "--force", "--trace")
	cmd.Env = append(os.Environ(), "METADB_DEV=on")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	conn := s.Conn()
	s.until(conn, "1", "SELECT count(*)::text FROM metadb.request WHERE kind = 'sync' AND finished_at IS NULL")
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != codeInterrupted {
		t.Errorf("exit code %d, want %d", code, codeInterrupted)
	}
	s.says(out.String(), "metadb: trace: ", "CALL metadb.sync_data_source", "metadb: error: interrupted; the server goes on with request ")
	s.broker.Restart()
	s.until(conn, "done", "SELECT state FROM metadb.request WHERE kind = 'sync'")
}
