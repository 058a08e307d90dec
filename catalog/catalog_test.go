package catalog

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOneServer(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	first, second := i.db.Conn(t), i.db.Conn(t)
	if err := LockServer(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := LockServer(ctx, second); err == nil {
		t.Fatal("two servers hold the lock")
	}
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := LockServer(t.Context(), i.db.Conn(t)); err != nil {
		t.Fatalf("after the first has gone: %v", err)
	}
}

func TestWatchSeesCommitsOnly(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	c := New(i.pool)
	seen := make(chan []string, 16)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- c.Watch(ctx, func(ctx context.Context) error {
			sources, err := c.Sources(ctx)
			names := []string{}
			for _, s := range sources {
				names = append(names, s.Name)
			}
			seen <- names
			return err
		})
	}()
	expect := func(want ...string) {
		t.Helper()
		for {
			select {
			case got := <-seen:
				if slices.Equal(got, want) {
					return
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("not seen: %v", want)
			}
		}
	}
	expect()
	i.state("CALL metadb.create_data_source('a', 'kafka', ARRAY[]::text[])")
	expect("a")
	tx, err := i.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "CALL metadb.create_data_source('rolled_back', 'kafka', ARRAY[]::text[])"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	i.state("CALL metadb.create_data_source('b', 'kafka', ARRAY[]::text[])")
	expect("a", "b")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("watch ended with %v", err)
	}
}

func TestStreamsOfASource(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	c := New(i.pool)
	s := Source{Name: "s", Brokers: "b", Topics: "^a", ConsumerGroup: "g"}
	open := func(s Source) Stream {
		t.Helper()
		st, err := c.OpenStream(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	offsets := func(st Stream) []Offset {
		t.Helper()
		o, err := c.Offsets(t.Context(), "s", st.Number)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	first := open(s)
	lsn := int64(42)
	stored := []Offset{{Topic: "a", TopicID: [16]byte{1}, Partition: 3, Next: 17, LSN: &lsn, Run: []int64{1, -2}}}
	if err := c.PlaceOffsets(t.Context(), "s", first, stored, nil); err != nil {
		t.Fatal(err)
	}
	again := open(s)
	if again.Number != first.Number || again.Epoch <= first.Epoch {
		t.Errorf("opened again: %+v after %+v", again, first)
	}
	if diff := cmp.Diff(stored, offsets(again)); diff != "" {
		t.Errorf("offsets (-want +got):\n%s", diff)
	}
	if err := c.PlaceOffsets(t.Context(), "s", first, stored, nil); err == nil {
		t.Error("an earlier run could place offsets")
	}
	s.Topics = "^a,^b"
	wider := open(s)
	if wider.Number != first.Number+1 {
		t.Errorf("stream %d after a change of topics", wider.Number)
	}
	if diff := cmp.Diff(stored, offsets(wider)); diff != "" {
		t.Errorf("carried over (-want +got):\n%s", diff)
	}
	s.ConsumerGroup = "g2"
	stored[0].Next = -1
	if diff := cmp.Diff(stored, offsets(open(s))); diff != "" {
		t.Errorf("another group has only the marks (-want +got):\n%s", diff)
	}
}

// A statement whose transaction is left open must not make the server look dead.
func TestHeartbeatWaitsForNobody(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	tx, err := i.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), "CALL metadb.create_data_source('s', 'kafka', ARRAY[]::text[])"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := New(i.pool).Heartbeat(ctx); err != nil {
		t.Fatalf("heartbeat beside an open transaction: %v", err)
	}
}
