package streamer

import (
	"slices"
	"strings"
	"testing"

	"metadb/catalog"
	"metadb/change"
	"metadb/debezium"
	"metadb/warehouse"
)

// FuzzRoute checks what must hold of the place of a source's table, whatever the
// options of the source.
func FuzzRoute(f *testing.F) {
	f.Add("mod_inventory_storage", "item", "", "", "", "", "")
	f.Add("west_mod_rs", "item", "", "reshare_", "", "west", "")
	f.Add("public", `"; DROP TABLE x; --`, "public", "z_", "pub", "public", `\.tmp_`)
	f.Add("a_b_x", "t", "a", "", "", "a,a_b", "^x")
	f.Add("mod_", "t", "mod_", "", "", "", "(")
	f.Add("pg_catalog", "pg_class", "", "", "metadb", "pg,catalog", "")
	f.Fuzz(func(t *testing.T, schema, table, trim, add, public, origins, stop string) {
		s := catalog.Source{TrimSchemaPrefix: trim, AddSchemaPrefix: add, MapPublicSchema: public, TableStopFilter: stop}
		list := strings.Split(origins, ",")
		route := func() (*change.Target, bool) {
			r, err := newRouter(s, list, func(want change.Target, _ warehouse.SourceTable) (change.Target, error) { return want, nil })
			if err != nil {
				return nil, false // a bad pattern
			}
			first, err := r.route(schema, table)
			if err != nil {
				t.Fatal(err)
			}
			if again, _ := r.route(schema, table); again != first {
				t.Fatal("the second event of a table goes elsewhere")
			}
			if (first == nil) != r.filtered(schema, table) {
				t.Fatal("a filtered table has a target")
			}
			return first, true
		}
		to, ok := route()
		again, _ := route()
		if !ok || to == nil {
			if again != nil {
				t.Fatal("another run has another target")
			}
			return
		}
		if *to != *again {
			t.Fatalf("one run has %+v, another %+v", *to, *again)
		}
		if to.Table != debezium.RepairName(table) {
			t.Fatalf("table %q becomes %q", table, to.Table)
		}
		if to.Origin != "" && !slices.Contains(list, to.Origin) {
			t.Fatalf("origin %q is none of %q", to.Origin, list)
		}
		mapped := public != "" && debezium.RepairName(schema) == "public"
		if mapped && to.Schema != public || !mapped && !strings.HasPrefix(to.Schema, add) {
			t.Fatalf("schema %q becomes %q", schema, to.Schema)
		}
	})
}
