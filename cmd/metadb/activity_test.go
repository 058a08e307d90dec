package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"metadb/catalog"
	"metadb/pgwire"
	"metadb/testsql/pgtest"
	"metadb/testsql/poll"
)

// TestActivityOfTheEnd stops the server while a statement is being stored: what is under
// way is brought to its end, for as long as the server may take.
func TestActivityOfTheEnd(t *testing.T) {
	t.Parallel()
	db := pgtest.Prepared(t, catalog.Initialize)
	conn := db.Conn(t)
	s := newActivityStore(catalog.New(db.Pool(t)), slog.New(slog.DiscardHandler))
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE metadb.activity IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.run(ctx)
	}()
	s.observe(pgwire.Activity{At: time.Now(), Statement: "CREATE DATA ORIGIN", Text: "CREATE DATA ORIGIN o", Outcome: pgwire.Committed})
	watcher := db.Conn(t)
	storing := func() (pid int32) {
		err := watcher.QueryRow(t.Context(), "SELECT coalesce(max(pid), 0) FROM pg_locks WHERE NOT granted AND relation = 'metadb.activity'::regclass").Scan(&pid)
		if err != nil {
			t.Error(err)
		}
		return pid
	}
	if !poll.Until(t.Context(), 5*time.Millisecond, 30*time.Second, func() bool { return storing() != 0 }) {
		t.Fatal("the statement is not being stored")
	}
	before := storing()
	stop()
	select {
	case <-done: // too early, as is seen below
	case <-time.After(activityLast / 5):
	}
	if now := storing(); now != before {
		t.Errorf("what backend %d was storing was broken off; backend %d stores", before, now)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-done
	var stored int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM metadb.activity").Scan(&stored); err != nil || stored != 1 {
		t.Errorf("%d statements are stored, %v", stored, err)
	}
}
