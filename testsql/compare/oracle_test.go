package compare

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"metadb/testsql/pgtest"
)

func pgtestConn(t *testing.T) *pgx.Conn {
	t.Helper()
	return pgtest.Database(t).Conn(t)
}

// TestOracleAndHistories puts the oracle's own tables in the warehouse and
// then spoils them in one place at a time.
func TestOracleAndHistories(t *testing.T) {
	t.Parallel()
	conn := loaded(t, "shop")
	loadOracle(t, conn, "shop/1_initial")
	options := Options{Capture: "shop", Oracle: "1_initial"}
	report := compared(t, conn, options)
	for _, table := range report.Tables {
		// The oracle rounds these keys, so that their histories are mixed up.
		if table.Verdict != Equal && (table.Check != History || table.Name != "order_items") {
			t.Fatal(printed(t, report))
		}
	}
	row := `(SELECT ctid FROM shop.customers__ WHERE credit > 0 AND NOT __current LIMIT 1)`
	for _, test := range []struct {
		name, sql string
		table     string
		reason    Reason // in the oracle's check
		verdict   Verdict
		history   Verdict
	}{
		{"doubled version", `INSERT INTO shop.customers__ SELECT * FROM shop.customers__ WHERE ctid = ` + row, "customers", DoubledRow, Differs, Differs},
		{"doubled within a millisecond", `INSERT INTO shop.counters__ SELECT * FROM shop.counters__ WHERE ctid =
			(SELECT ctid FROM shop.counters__ WHERE __start = __end LIMIT 1)`, "counters", DoubledRow, Differs, Equal},
		{"missing version", `DELETE FROM shop.customers__ WHERE ctid = ` + row, "customers", MissingRow, Differs, Equal},
		{"wrong sign", `UPDATE shop.price_history__ SET price = price + 1 WHERE ctid =
			(SELECT ctid FROM shop.price_history__ WHERE price > 0 LIMIT 1)`, "price_history", "", Differs, Equal},
		{"right sign", `UPDATE shop.price_history__ SET price = price - 1000000 WHERE ctid =
			(SELECT ctid FROM shop.price_history__ WHERE price > 0 LIMIT 1)`, "price_history", "", Equal, Equal},
		{"backwards", `UPDATE shop.customers__ SET __end = __start - interval '1 ms' WHERE ctid = ` + row, "customers", "", Differs, Differs},
		{"overlap", `UPDATE shop.customers__ SET __end = __end + interval '1 ms' WHERE ctid = ` + row, "customers", "", Differs, Differs},
		{"origin", `UPDATE shop.customers__ SET __origin = 'x' WHERE ctid = ` + row, "customers", "", Differs, Equal},
	} {
		t.Run(test.name, func(t *testing.T) {
			execute(t, conn, "BEGIN")
			defer execute(t, conn, "ROLLBACK")
			tag, err := conn.Exec(t.Context(), test.sql)
			if err != nil || tag.RowsAffected() != 1 {
				t.Fatalf("%d rows planted, %v", tag.RowsAffected(), err)
			}
			report := compared(t, conn, options)
			result := report.Table(Oracle, "shop", test.table)
			if result.Verdict != test.verdict || test.reason != "" && result.Differences[0].Reason != test.reason {
				t.Error(printed(t, report))
			}
			if history := report.Table(History, "shop", test.table); history.Verdict != test.history {
				t.Errorf("history: %s", history.Verdict)
			}
		})
	}
}

// TestBigKeysAreLeftOut sees that rows which the oracle rounded do not count,
// and that their neighbours do.
func TestBigKeysAreLeftOut(t *testing.T) {
	t.Parallel()
	conn := loaded(t, "shop")
	loadOracle(t, conn, "shop/1_initial")
	options := Options{Capture: "shop", Oracle: "1_initial"}
	execute(t, conn, `DELETE FROM shop.order_items__ WHERE order_id >= 9007199254740992`)
	if result := compared(t, conn, options).Table(Oracle, "shop", "order_items"); result.Verdict != Equal {
		t.Errorf("%+v", result)
	}
	execute(t, conn, `DELETE FROM shop.order_items__ WHERE order_id = 9007199254740991`)
	if result := compared(t, conn, options).Table(Oracle, "shop", "order_items"); result.Verdict != Differs {
		t.Errorf("%+v", result)
	}
}

// TestStatesAfterResync does the same for what followed the second recording.
func TestStatesAfterResync(t *testing.T) {
	t.Parallel()
	conn := loaded(t, "shop_resync")
	for _, state := range []string{"2_resync_streamed", "3_after_endsync"} {
		execute(t, conn, "BEGIN")
		loadOracle(t, conn, "shop/"+state)
		report := compared(t, conn, Options{Capture: "shop_resync", Oracle: state})
		count := 0
		for _, table := range report.Tables {
			if table.Check == Oracle {
				count++
			}
			if table.Verdict != Equal && (table.Check != History || table.Name != "order_items") {
				t.Error(printed(t, report))
			}
		}
		if count != 21 {
			t.Errorf("%s: %d tables", state, count)
		}
		execute(t, conn, "ROLLBACK")
	}
	loadOracle(t, conn, "shop/3_after_endsync")
	options := Options{Capture: "shop_resync", Oracle: "3_after_endsync"}
	for name, test := range map[string]struct{ sql, table string }{
		"not closed":          {`UPDATE shop.counters__ SET __end = '9999-12-31 00:00:00+00', __current = true WHERE __end > '2026-12-31'`, "counters"},
		"closed by an event":  {`UPDATE shop.counters__ SET __end = '2026-11-21 02:06:44+00' WHERE __end = '2027-01-01'`, "counters"},
		"closed, but is not":  {`UPDATE shop.evolving__ SET __end = '2027-01-01', __current = false WHERE ctid = (SELECT min(ctid) FROM shop.evolving__ WHERE __current)`, "evolving"},
		"closed without need": {`UPDATE shop.pk_moves__ SET __end = '2027-01-01', __current = false WHERE ctid = (SELECT min(ctid) FROM shop.pk_moves__ WHERE __current)`, "pk_moves"},
	} {
		t.Run(name, func(t *testing.T) {
			execute(t, conn, "BEGIN")
			defer execute(t, conn, "ROLLBACK")
			execute(t, conn, test.sql)
			if result := compared(t, conn, options).Table(Oracle, "shop", test.table); result.Verdict != Differs {
				t.Errorf("%+v", result)
			}
		})
	}
}
