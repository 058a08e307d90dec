package catalog

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

func TestRequestsAreTakenInOrder(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	c := New(i.pool)
	i.state("CALL metadb.create_data_source('s', 'kafka', ARRAY[]::text[])")
	i.state("CALL metadb.create_data_source('other', 'kafka', ARRAY[]::text[])")
	for range 2 {
		i.text(`INSERT INTO metadb.dead_letter (source, topic, partition, "offset", schema_name, table_name, reason)
			VALUES ('s', 't', 0, 0, '', '', '') RETURNING id::text`)
	}
	i.state("CALL metadb.replay_dead_letters('other')")
	i.state("CALL metadb.replay_dead_letters('s', ARRAY[2, 1])")
	i.state("CALL metadb.replay_dead_letters('s')")
	take := func(want *Request) {
		t.Helper()
		got, err := c.TakeRequest(t.Context(), "s", RequestReplay)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
	}
	finish := func(id int64, failed bool, detail string) {
		t.Helper()
		if err := c.FinishRequest(t.Context(), id, failed, detail); err != nil {
			t.Fatal(err)
		}
	}
	take(&Request{ID: 2, IDs: []int64{2, 1}})
	take(&Request{ID: 2, IDs: []int64{2, 1}}) // a run that died has begun it
	finish(2, false, "all")
	take(&Request{ID: 3})
	finish(3, true, "none")
	take(nil)
	got := i.text(`SELECT string_agg(concat_ws(' ', id, source, state, detail, finished_at IS NOT NULL, requested_by = session_user), ', ' ORDER BY id) FROM metadb.requests`)
	if got != "1 other waiting  f t, 2 s done all t t, 3 s failed none t t" {
		t.Errorf("requests %s", got)
	}
	i.state("CALL metadb.drop_data_source('other')")
	if got := i.text("SELECT state || ': ' || detail FROM metadb.requests WHERE id = 1"); got != "failed: the data source was dropped" {
		t.Errorf("request of a dropped source: %s", got)
	}
}

func TestDeadLettersInPages(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	c := New(i.pool)
	i.text(`WITH x AS (INSERT INTO metadb.dead_letter (source, topic, partition, "offset", schema_name, table_name, record_value, reason)
		SELECT CASE WHEN n = 4 THEN 'other' ELSE 's' END, 't', 0, n, '', '', '', '' FROM generate_series(1, 6) n RETURNING id)
		SELECT count(*)::text FROM x`)
	page := func(ids []int64, after, last int64, want ...int64) {
		t.Helper()
		letters, err := c.DeadLetters(t.Context(), "s", ids, after, last, 3)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, l := range letters {
			got = append(got, l.ID)
			if l.Key != nil || l.Value == nil || l.RecordTime.IsZero() {
				t.Errorf("letter %+v", l)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after %d (-want +got):\n%s", after, diff)
		}
	}
	last, err := c.LastDeadLetter(t.Context(), "s")
	if err != nil || last != 6 {
		t.Fatalf("last %d, %v", last, err)
	}
	page(nil, 0, last, 1, 2, 3)
	page(nil, 3, last, 5, 6)
	page(nil, 3, 5, 5)
	page([]int64{6, 2, 4}, 0, last, 2, 6)
	if err := c.KeepDeadLetter(t.Context(), 2, "still bad"); err != nil {
		t.Fatal(err)
	}
	if err := c.DropDeadLetter(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if n, err := c.CountDeadLetters(t.Context(), "s"); err != nil || n != 4 {
		t.Errorf("%d letters, %v", n, err)
	}
	if got := i.text("SELECT reason FROM metadb.dead_letters WHERE id = 2"); got != "still bad" {
		t.Errorf("reason %s", got)
	}
}

// TestDeadLettersKeepTheirContents from those who may only see that there are some.
func TestDeadLettersKeepTheirContents(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	admin := pgx.Identifier{"admin_" + i.db.Name}.Sanitize()
	super := i.db.Conn(t)
	for _, sql := range []string{"CREATE ROLE " + admin, "GRANT " + AdminRole + " TO " + admin, "SET ROLE " + admin} {
		if _, err := super.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := super.Exec(t.Context(), "SELECT * FROM metadb.dead_letters, metadb.requests"); err != nil {
		t.Error(err)
	}
	for _, sql := range []string{"SELECT record_value FROM metadb.dead_letter", "UPDATE metadb.request SET state = 'done'"} {
		if _, err := super.Exec(t.Context(), sql); !isSQLState(err, "42501") {
			t.Errorf("%s: %v, want 42501", sql, err)
		}
	}
}
