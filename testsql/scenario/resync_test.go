package scenario

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// long leaves a test to the long run.
func long(t *testing.T) {
	t.Helper()
	if os.Getenv("METADB_TEST_LONG") == "" {
		t.Skip("part of the long run")
	}
}

// TestResyncAsOneScript resynchronizes the shop by one script in psql while readers
// read; the server is never stopped.
func TestResyncAsOneScript(t *testing.T) {
	t.Parallel()
	r := shopResync
	s := synchronized(t, r)
	before := s.remember()
	stop := s.readers(r)
	s.sql(r.script())
	s.topics = regexp.MustCompile(r.again)
	s.fed(r.after, 0)
	s.streamDrained()
	s.complete()
	requests := s.sql("SELECT count(*) FROM metadb.request")
	streamed := s.remember()
	if out := s.PSQL("ENDSYNC DATA SOURCE shop;", "-v", "VERBOSITY=verbose"); !strings.Contains(out, "ERROR:  55000:") ||
		!strings.Contains(out, "table shop.doomed: 8 of 8 current records (100%), not in the snapshot") {
		t.Errorf("an endsync that closes tables as a whole: %s", out)
	}
	if got := s.sql("SELECT count(*) FROM metadb.request"); got != requests {
		t.Errorf("a refused endsync has left a request: %s, %s before", got, requests)
	}
	streamed.same(s)
	s.sql("ENDSYNC DATA SOURCE shop" + r.force + ";")
	s.ended()
	stop()
	s.demand(r, before, false)
}

// TestResyncInTheDocumentedOrder does it as Metadb 1.4 has it: the new stream is named,
// and read to its end, before the SYNC comes.
func TestResyncInTheDocumentedOrder(t *testing.T) {
	t.Parallel()
	long(t)
	r := shopResync
	s := synchronized(t, r)
	before := s.remember()
	s.sql(r.alter())
	s.topics = regexp.MustCompile(r.again)
	s.fed(r.after, 0)
	s.streamDrained()
	s.sql("SYNC DATA SOURCE shop;")
	s.complete()
	s.sql("ENDSYNC DATA SOURCE shop" + r.force + ";")
	s.ended()
	s.demand(r, before, false)
}

// TestResyncOverRestarts stops the server at every step of it, also gently.
func TestResyncOverRestarts(t *testing.T) {
	t.Parallel()
	long(t)
	r := shopResync
	s := synchronized(t, r)
	before := s.remember()
	again := func(end func()) {
		end()
		s.Start()
	}
	s.sql(r.script())
	again(s.Kill)
	s.topics = regexp.MustCompile(r.again)
	s.fed(r.after, 1200)
	s.streamDrained()
	again(s.Stop)
	s.fed(r.after, 0)
	again(s.Kill)
	s.streamDrained()
	s.complete()
	again(s.Stop)
	s.sql("ENDSYNC DATA SOURCE shop" + r.force + ";")
	again(s.Kill)
	s.ended()
	s.demand(r, before, false)
}
