package scenario

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"metadb/testsql/instance"
)

// TestEndsyncCommandKilled kills metadb endsync while it ends a synchronization without a
// server, and has the work go on: by the same command, or by the server.
func TestEndsyncCommandKilled(t *testing.T) {
	t.Parallel()
	points := []string{"endsync.committed"}
	if os.Getenv("METADB_TEST_LONG") != "" {
		points = append(points, "endsync.begun", "endsync.collected", "endsync.checked", "endsync.locked", "endsync.chunk", "endsync.closed",
			"endsync.finish", "endsync.after")
	}
	for _, point := range points {
		for _, server := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s_%t", point, server), func(t *testing.T) {
				t.Parallel()
				endsyncKilledAt(t, point, server)
			})
		}
	}
}

// endsyncKilledAt closes more rows than go into one transaction.
func endsyncKilledAt(t *testing.T, point string, server bool) {
	t.Helper()
	const rows, kept = 11_500, 6000
	s := newLoans(t, rows)
	s.sql("ENDSYNC DATA SOURCE shop;")
	s.WaitFor(settle, "normal", "SELECT source_sync FROM metadb.status")
	s.sql("SYNC DATA SOURCE shop;")
	conn := s.Conn()
	s.until(conn, "2", "SELECT coalesce(max(mode), 0)::text FROM metadb.source_sync WHERE adopted")
	s.loans("true", "r", 1_700_001_000_000, 0, kept)
	s.complete()
	s.Stop()

	args := []string{"endsync", "-D", s.Dir(), "--source", "shop", "--force", "--max-unconfirmed", "50"}
	mark := filepath.Join(t.TempDir(), "reached")
	cmd := exec.Command(instance.Binary(t), args...)
	cmd.Env = append(os.Environ(), "METADB_FAILPOINT="+point+":1:"+mark)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("%s was not reached: %v\n%s", point, err, out.String())
	}
	switch {
	case server:
		s.Start()
	case point == "endsync.after": // nothing was left to do
		s.command(codeRefused, "", append(args[:1:1], args[5:]...)...)
	default:
		s.command(0, "", append(args[:1:1], args[5:]...)...)
	}
	s.until(conn, "0", "SELECT sync::text FROM metadb.source")
	s.until(conn, fmt.Sprintf("%d %d 1", kept, rows-kept), `SELECT concat_ws(' ', count(*) FILTER (WHERE __current), count(*) FILTER (WHERE NOT __current),
		count(DISTINCT __end) FILTER (WHERE NOT __current)) FROM lib.loan__`)
	s.until(conn, fmt.Sprintf("%d %[1]d", rows-kept), `SELECT count(*) || ' ' || count(DISTINCT i) FROM metadb.apply_ledger, unnest(closed_ids) i`)
	s.until(conn, "true", "SELECT bool_and(state = 'done')::text FROM metadb.request")
	for _, table := range []string{"source_sync", "sync_gone", "sync_table", "sync_mark_late"} {
		s.until(conn, "0", "SELECT count(*)::text FROM metadb."+table)
	}
}
