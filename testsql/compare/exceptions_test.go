package compare

import (
	"slices"
	"strings"
	"testing"
)

// TestUnused takes known differences away, so that they are none any more.
func TestUnused(t *testing.T) {
	t.Parallel()
	report := compared(t, loaded(t, "shop"), Options{Capture: "shop"})
	want := Unused{Schema: "shop", Table: "all_types", Column: "c_timetz", Key: "1", Why: "nothing differs"}
	if !report.Equal() || report.Exact() || !slices.Contains(report.Unused, want) {
		t.Error(printed(t, report))
	}
	if text := printed(t, report); !strings.Contains(text, "unused   known    shop.all_types, key 1, column \"c_timetz\": nothing differs\n") {
		t.Error(text)
	}
	for _, u := range report.Unused {
		if u.Schema == "Sales Dept" || u.Table == "documents" || u.Column == "c_varbit" {
			t.Errorf("%+v can be avoided", u)
		}
	}
}

// TestUsed makes every known difference of a recording one.
func TestUsed(t *testing.T) {
	t.Parallel()
	conn := loaded(t, "variants/vdocs")
	execute(t, conn, `UPDATE app.accounts SET span = '1' WHERE id IN ('301', '302')`)
	execute(t, conn, `UPDATE app.accounts SET rate = NULL WHERE id IN ('400', '401')`)
	execute(t, conn, `UPDATE app.accounts SET balance = NULL WHERE id = '402'`)
	execute(t, conn, `INSERT INTO app.wipe (id) SELECT unnest('{3,9,20,21,22,23,24,25,26,27,28,29,30}'::text[])`)
	if report := compared(t, conn, Options{Capture: "variants/vdocs"}); !report.Exact() {
		t.Error(printed(t, report))
	}
	execute(t, conn, `DELETE FROM app.wipe WHERE id = '30'`)
	report := compared(t, conn, Options{Capture: "variants/vdocs"})
	if want := (Unused{Schema: "app", Table: "wipe", Column: "*", Key: "30", Why: "no such row"}); !slices.Equal(report.Unused, []Unused{want}) {
		t.Error(printed(t, report))
	}
}

func TestWhyUnused(t *testing.T) {
	t.Parallel()
	truth, err := readTruth("variants/vdocs")
	if err != nil {
		t.Fatal(err)
	}
	places := map[place]string{
		{"app", "nothing", "x", "1"}:      "no such table",
		{"app", "wipe", "x", "1"}:         "no such column",
		{"app", "wipe", "v", "99"}:        "no such row",
		{"app", "wipe", "v", "1"}:         "nothing differs",
		{"app", "wipe", anyName, anyName}: "nothing differs",
	}
	e := &exceptions{places: map[place]*exception{}, seen: map[place]bool{{schema: "app", table: "wipe", key: "1"}: true}}
	for at := range places {
		e.places[at] = &exception{}
		e.known = append(e.known, at)
	}
	for _, u := range e.unused(truth) {
		if want := places[place{u.Schema, u.Table, u.Column, u.Key}]; u.Why != want {
			t.Errorf("%+v, want %s", u, want)
		}
	}
}

// TestRowsThatStay plants rows which a list says may be there.
func TestRowsThatStay(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, capture, sql string
		unclosed           bool // whether endsync has to run
		bad                string
	}{
		{"date in a key", "shop_resync", `INSERT INTO shop.price_history (sku, valid_from) VALUES ('SKU-5', '2020-02-25')`, true,
			`INSERT INTO shop.price_history (sku, valid_from) VALUES ('SKU-5', '2020-02-26')`},
		{"unique index", "shop_resync", `INSERT INTO shop.unique_ident (code) VALUES ('u10')`, true,
			`INSERT INTO shop.unique_ident (code) VALUES ('planted')`},
		{"stage", "hard/topic_recreated/stage2", `INSERT INTO h.acct (id) VALUES ('40')`, true,
			`INSERT INTO h.acct (id) VALUES ('4040')`},
		{"key of two columns", "hard/resync_same_topics/stage3", `INSERT INTO h.item (a, b) VALUES ('10', 'b3')`, true,
			`INSERT INTO h.item (a, b) VALUES ('10', 'b333')`},
		{"other prefix", "hard/resync_same_topics_new_prefix/stage3", `INSERT INTO h.item (a, b) VALUES ('11', 'b5')`, true,
			`INSERT INTO h.item (a, b) VALUES ('b5', '11')`},
		{"earlier stage", "hard/snapshot_restart/stage2", `INSERT INTO h.a_first (id) VALUES ('100')`, true,
			`INSERT INTO h.a_first (id) VALUES ('100100')`},
		{"gap", "hard/adhoc/stage2", `INSERT INTO h.part (id, day) VALUES ('1', '2024-02-02')`, false,
			`INSERT INTO h.part (id, day) VALUES ('1', '2024-02-03')`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			conn := loaded(t, test.capture)
			execute(t, conn, test.sql)
			report := compared(t, conn, Options{Capture: test.capture})
			if report.Equal() == test.unclosed {
				t.Error(printed(t, report))
			}
			report = compared(t, conn, Options{Capture: test.capture, Unclosed: true})
			if !report.Equal() {
				t.Error(printed(t, report))
			}
			execute(t, conn, test.bad)
			if report := compared(t, conn, Options{Capture: test.capture, Unclosed: true}); report.Equal() {
				t.Error(printed(t, report))
			}
		})
	}
}

// TestListsOfRowsAreNarrow sees that a row which may be missing may not be
// wrong, and one that may stay may not be missing.
func TestListsOfRowsAreNarrow(t *testing.T) {
	t.Parallel()
	conn := loaded(t, "hard/interleave")
	execute(t, conn, `UPDATE h.bulk SET v = 'planted' WHERE id = '20167'`)
	if report := compared(t, conn, Options{Capture: "hard/interleave"}); report.Equal() {
		t.Error(printed(t, report))
	}
	e := &exceptions{places: map[place]*exception{}}
	e.addRow("h", "part", "1", ExtraRow)
	part := &table{Schema: "h", Name: "part"}
	if e.allows(part, anyName, "1", MissingRow) || e.allows(part, "v", "1", WrongValue) || !e.allows(part, anyName, "1", ExtraRow) {
		t.Error("a row that may stay may be missing or wrong")
	}
}

// TestGeneratedColumns may be unknown, but not wrong.
func TestGeneratedColumns(t *testing.T) {
	t.Parallel()
	conn := loaded(t, "hard/adhoc/stage1")
	execute(t, conn, `UPDATE h.gen SET area = NULL WHERE id = '1'`)
	if report := compared(t, conn, Options{Capture: "hard/adhoc/stage1"}); !report.Equal() || report.Table(Current, "h", "gen").Known != 1 {
		t.Error(printed(t, report))
	}
	execute(t, conn, `UPDATE h.gen SET area = '2' WHERE id = '1'`)
	if report := compared(t, conn, Options{Capture: "hard/adhoc/stage1"}); report.Equal() {
		t.Error(printed(t, report))
	}
}
