package warehouse

import (
	"strings"
	"testing"
)

// TestGuard lets the guard of an endsync look at numbers at its limits (rule R19).
func TestGuard(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.apply(f.applier(), merge(t, 1000, loanShape, loanKey, 1, "a"))
	other := merge(t, 1000, loanShape, loanKey, 1, "a")
	moved := *target
	moved.Table = "other"
	other.Target = &moved
	f.apply(f.applier(), other)
	f.beginSync(f.next)
	f.apply(f.applier(), snap(t, 2000, 100, 1, "a")) // an attempt
	tests := []struct {
		name            string
		current, gone   int // of lib.loan
		rows            int // of the snapshot, in lib.loan
		others          int // current rows of lib.other, all confirmed
		forced, most    string
		refused, beside string
	}{
		{name: "nothing gone", current: 1000, gone: 0, rows: 1},
		{name: "100 rows of a small table", current: 200, gone: 100, rows: 1, others: 1000},
		{name: "101 rows, and more than 20 %", current: 500, gone: 101, rows: 1, others: 1000, refused: "lib.loan: 101 of 500", beside: "the data source"},
		{name: "20 % of a large table", current: 1000, gone: 200, rows: 1, others: 1000},
		{name: "more than 20 % of the source", current: 10, gone: 3, rows: 1, others: 4, refused: "the data source: 3 of 14", beside: "lib.loan"},
		{name: "not in the snapshot", current: 100, gone: 1, rows: 0, others: 1000, refused: "lib.loan: 1 of 100 current records (1%), not in the snapshot"},
		{name: "not in the snapshot, nothing gone", current: 100, gone: 0, rows: 0, others: 1000},
		{name: "forced", current: 500, gone: 500, rows: 0, others: 1000, forced: "lib.loan"},
		{name: "up to a percentage", current: 500, gone: 150, rows: 1, others: 0, most: "30"},
		{name: "above a percentage", current: 500, gone: 151, rows: 1, others: 0, most: "30", refused: "lib.loan: 151 of 500"},
	}
	for _, tt := range tests {
		set := func(table string, current, gone, rows int) {
			if _, err := f.pool.Exec(t.Context(), `
				INSERT INTO metadb.sync_table AS s (source, table_id, number, snapshot_rows, current_base, unconfirmed_base, counted)
				SELECT 's', d.id, (SELECT number FROM metadb.sync_attempt WHERE current), $4, $2, $3, 1 FROM metadb.data_table d WHERE d.table_name = $1
				ON CONFLICT (source, table_id) DO UPDATE SET number = excluded.number, snapshot_rows = excluded.snapshot_rows,
					current_base = excluded.current_base, unconfirmed_base = excluded.unconfirmed_base, current_change = 0, unconfirmed_change = 0`,
				table, current, gone, rows); err != nil {
				t.Fatal(err)
			}
		}
		set("loan", tt.current, tt.gone, tt.rows)
		set("other", tt.others, 0, 1)
		got := f.lines(`SELECT coalesce(metadb.endsync_refusal('s', NULL,
			ARRAY(SELECT id FROM metadb.data_table WHERE schema_name || '.' || table_name = $1), nullif($2, '')::numeric), '')`, tt.forced, tt.most)[0]
		if tt.refused == "" && got != "" || !strings.Contains(got, tt.refused) || tt.beside != "" && strings.Contains(got, tt.beside) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.refused)
		}
	}
}

// TestGuardCountsExactly lets a statement pass by counters that are wrong: the endsync
// refuses, closes nothing, and what was confirmed is kept (rule R19).
func TestGuardCountsExactly(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applier()
	f.apply(a, merge(t, 1000, loanShape, loanKey, 1, "a"), merge(t, 1000, loanShape, loanKey, 2, "b"))
	f.beginSync(f.next)
	a = f.applier()
	f.apply(a, snap(t, 2000, 100, 1, "a"))
	request := f.endsyncRequest()
	request.ForceAll = false
	result := f.endsyncOf(request, nil)
	if result.Closed != 0 || !strings.Contains(result.Refused, "the data source: 1 of 2") {
		t.Errorf("%+v", result)
	}
	if got := f.lines("SELECT state FROM metadb.request"); got[0] != "failed" {
		t.Errorf("request %s", got)
	}
	f.apply(a, snap(t, 2000, 100, 2, "b"))
	if got := f.unconfirmed(); got != "" {
		t.Errorf("not confirmed: %s", got)
	}
}
