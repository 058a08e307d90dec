package streamer

import "testing"

// TestServerPrunes: a server that runs removes requests that ended long ago.
func TestServerPrunes(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.exec("INSERT INTO metadb.request (kind, source, state, finished_at) VALUES ('replay', 's', 'done', now() - interval '1 year'), ('replay', 's', 'done', now())")
	b.start()
	b.waitFor("1", "SELECT count(*)::text FROM metadb.request")
	b.waitFor("1", "SELECT count(*)::text FROM metadb.ledger_time")
}
