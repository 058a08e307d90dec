package compare

import (
	"strings"
	"testing"
)

func TestRightWarehouseIsEqual(t *testing.T) {
	t.Parallel()
	for _, capture := range []string{
		"shop", "shop_resync", "variants/vstring", "hard/interleave/stage1", "hard/interleave",
		"hard/adhoc", "hard/resync_same_topics_new_prefix", "hard/topic_recreated/stage2",
	} {
		t.Run(capture, func(t *testing.T) {
			t.Parallel()
			report := compared(t, loaded(t, capture), Options{Capture: capture})
			if !report.Equal() || len(report.Tables) < 4 {
				t.Error(printed(t, report))
			}
		})
	}
}

// TestPlantedDifferences spoils a right warehouse in one place at a time.
func TestPlantedDifferences(t *testing.T) {
	t.Parallel()
	conn := loaded(t, "shop")
	for _, test := range []struct {
		name, sql     string
		table, column string
		reason        Reason
		verdict       Verdict
	}{
		{"missing row", `DELETE FROM shop.customers WHERE id = '7'`, "customers", "", MissingRow, Differs},
		{"extra row", `INSERT INTO shop.counters (name) VALUES ('planted')`, "counters", "", ExtraRow, Differs},
		{"doubled row", `INSERT INTO shop.only_key SELECT * FROM shop.only_key LIMIT 1`, "only_key", "", DoubledRow, Differs},
		{"wrong text", `UPDATE shop.customers SET name = name || ' ' WHERE id = '7'`, "customers", "name", WrongValue, Differs},
		{"NULL for empty", `UPDATE shop.customers SET name = NULL WHERE ctid = (SELECT ctid FROM shop.customers WHERE name = '' LIMIT 1)`,
			"customers", "name", WrongValue, Differs},
		{"empty for NULL", `UPDATE shop.customers SET country = '' WHERE id = '1'`, "customers", "country", WrongValue, Differs},
		{"NULL for the text of it", `UPDATE shop.customers SET note = NULL WHERE id = '605'`, "customers", "note", WrongValue, Differs},
		{"last digit", `UPDATE shop.order_items SET unit_price = (unit_price::numeric + 0.001)::text
			WHERE ctid = (SELECT ctid FROM shop.order_items WHERE unit_price IS NOT NULL LIMIT 1)`, "order_items", "unit_price", WrongValue, Differs},
		{"microsecond", `UPDATE shop.customers SET created = (created::timestamptz + '1 microsecond')::text WHERE id = '1'`,
			"customers", "created", WrongValue, Differs},
		{"JSON", `UPDATE diku_inventory.instance SET jsonb = jsonb_set(jsonb::jsonb, '{planted}', 'null')::text
			WHERE ctid = (SELECT min(ctid) FROM diku_inventory.instance)`, "instance", "jsonb", WrongValue, Differs},
		{"keyless row", `DELETE FROM shop.events_nopk WHERE ctid = (SELECT min(ctid) FROM shop.events_nopk)`, "events_nopk", "", MissingRow, Differs},
		{"keyless row twice", `INSERT INTO shop.events_nopk SELECT * FROM shop.events_nopk LIMIT 1`, "events_nopk", "", DoubledRow, Differs},
		{"column", `ALTER TABLE shop.customers DROP COLUMN email`, "customers", "email", WrongValue, Differs},
		{"array", `UPDATE shop.all_types SET c_int_arr = '[1, 2, null, 4]' WHERE id = '2'`, "all_types", "c_int_arr", WrongValue, Differs},
		{"hstore", `UPDATE shop.all_types SET c_hstore = '{"a": "1"}' WHERE id = '2'`, "all_types", "c_hstore", WrongValue, Differs},
		{"bit", `UPDATE shop.all_types SET c_bit1 = 'f' WHERE id = '2'`, "all_types", "c_bit1", WrongValue, Differs},
		{"bytes", `UPDATE shop.all_types SET c_bytea = '\xdeadbeef00fe' WHERE id = '2'`, "all_types", "c_bytea", WrongValue, Differs},
		{"point", `UPDATE shop.all_types SET c_point = '{"x": 1.5, "y": 2.25}' WHERE id = '2'`, "all_types", "c_point", WrongValue, Differs},
		{"interval", `UPDATE shop.all_types SET c_interval = '1' WHERE id = '5'`, "all_types", "c_interval", WrongValue, Differs},
		{"range", `UPDATE shop.all_types SET c_int4range = '[1,10]' WHERE id = '2'`, "all_types", "c_int4range", WrongValue, Differs},
		{"float", `UPDATE shop.all_types SET c_double = '0.5' WHERE id = '1'`, "all_types", "c_double", WrongValue, Differs},
		{"table", `DROP TABLE shop.pk_moves`, "pk_moves", "", "", Missing},
	} {
		t.Run(test.name, func(t *testing.T) {
			execute(t, conn, "BEGIN")
			defer execute(t, conn, "ROLLBACK")
			tag, err := conn.Exec(t.Context(), test.sql)
			if err != nil {
				t.Fatal(err)
			}
			if (tag.Insert() || tag.Update() || tag.Delete()) && tag.RowsAffected() != 1 {
				t.Fatalf("%d rows planted", tag.RowsAffected())
			}
			report := compared(t, conn, Options{Capture: "shop"})
			for _, table := range report.Tables {
				if table.Name != test.table && table.Verdict != Equal {
					t.Errorf("%s: %s", table.Name, table.Verdict)
				}
				if table.Name == test.table {
					seen(t, table, test.verdict, test.reason, test.column)
				}
			}
			if report.Equal() {
				t.Error("equal")
			}
			if text := printed(t, report); !strings.Contains(text, string(test.verdict)+" ") || !strings.Contains(text, test.table) {
				t.Errorf("not in the report: %s", text)
			}
		})
	}
}

// seen expects one sort of difference in one column.
func seen(t *testing.T, table *Table, verdict Verdict, reason Reason, column string) {
	t.Helper()
	if table.Verdict != verdict {
		t.Errorf("%s: %s, want %s", table.Name, table.Verdict, verdict)
	}
	if reason != "" && len(table.Differences) == 0 {
		t.Errorf("%s: no differences", table.Name)
	}
	for _, d := range table.Differences {
		if d.Reason != reason || d.Column != column {
			t.Errorf("%s: %+v", table.Name, d)
		}
	}
}

func TestOtherFormsAreEqual(t *testing.T) {
	t.Parallel()
	conn := loaded(t, "shop")
	execute(t, conn, `UPDATE shop.order_items SET unit_price = unit_price || '0' WHERE unit_price LIKE '%.%'`)
	execute(t, conn, `ALTER TABLE shop.customers ALTER active TYPE boolean USING active::boolean,
		ALTER created TYPE timestamptz USING created::timestamptz`)
	execute(t, conn, `ALTER TABLE diku_inventory.instance ALTER jsonb TYPE jsonb USING jsonb::jsonb`)
	execute(t, conn, `ALTER TABLE shop.customers ADD COLUMN dropped_in_source integer DEFAULT 1`)
	execute(t, conn, `ALTER TABLE shop.orders ALTER tags TYPE jsonb USING to_jsonb(tags::text[])`)
	execute(t, conn, `ALTER TABLE shop.all_types ALTER c_num_arr TYPE jsonb USING to_jsonb(c_num_arr::numeric[]),
		ALTER c_bool_arr TYPE jsonb USING to_jsonb(c_bool_arr::boolean[]), ALTER c_ts_arr TYPE jsonb USING to_jsonb(c_ts_arr::timestamptz[]),
		ALTER c_bytea TYPE bytea USING c_bytea::bytea, ALTER c_bit1 TYPE boolean USING c_bit1::boolean`)
	execute(t, conn, `UPDATE shop.all_types SET c_hstore = '{"b c": null, "a": "1", "d": "x\"y"}',
		c_point = '{"x": 1.5, "y": -2.25}' WHERE id IN ('2', '102')`)
	execute(t, conn, `SET timezone = 'Asia/Tokyo'`)
	if report := compared(t, conn, Options{Capture: "shop"}); !report.Equal() {
		t.Error(printed(t, report))
	}
}

// TestKnownDifferencesPass takes cells and rows from the lists of exceptions.
func TestKnownDifferencesPass(t *testing.T) {
	t.Parallel()
	conn := loaded(t, "shop")
	execute(t, conn, `DELETE FROM shop.late_table WHERE id = '1'`)
	execute(t, conn, `UPDATE shop.all_types SET c_timetz = 'x' WHERE id = '1'`)
	report := compared(t, conn, Options{Capture: "shop"})
	if !report.Equal() || report.Table(Current, "shop", "late_table").Known != 1 || report.Table(Current, "shop", "all_types").Known != 1 {
		t.Error(printed(t, report))
	}
	execute(t, conn, `DELETE FROM shop.late_table WHERE id = '2'`)
	if report := compared(t, conn, Options{Capture: "shop"}); report.Equal() {
		t.Error(printed(t, report))
	}
}

func TestLostByConnectorPasses(t *testing.T) {
	t.Parallel()
	conn := loaded(t, "hard/interleave")
	tag, err := conn.Exec(t.Context(), `DELETE FROM h.bulk WHERE id::bigint BETWEEN 20167 AND 20170`)
	if err != nil {
		t.Fatal(err)
	}
	report := compared(t, conn, Options{Capture: "hard/interleave"})
	if bulk := report.Table(Current, "h", "bulk"); !report.Equal() || bulk.Known != int(tag.RowsAffected()) || bulk.Known == 0 {
		t.Error(printed(t, report))
	}
}

func TestUnclosedRows(t *testing.T) {
	t.Parallel()
	conn := loaded(t, "shop_resync")
	// Rows of one and of two key columns that were deleted offline.
	execute(t, conn, `INSERT INTO "Sales Dept"."Order Lines" ("Line No") VALUES ('5')`)
	if report := compared(t, conn, Options{Capture: "shop_resync"}); report.Equal() {
		t.Error(printed(t, report))
	}
	if report := compared(t, conn, Options{Capture: "shop_resync", Unclosed: true}); !report.Equal() {
		t.Error(printed(t, report))
	}
}

func TestUnknownCapture(t *testing.T) {
	t.Parallel()
	conn := pgtestConn(t)
	for capture, want := range map[string]string{
		"nothing": "not exist", "hard/nothing": "not exist", "variants/v19": "has no truth",
	} {
		if _, err := Run(t.Context(), conn, Options{Capture: capture}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", capture, err)
		}
	}
}
