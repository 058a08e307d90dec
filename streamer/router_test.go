package streamer

import (
	"testing"

	"metadb/catalog"
	"metadb/change"
	"metadb/warehouse"
)

// asWanted names tables as the rules have it.
func asWanted(want change.Target, _ warehouse.SourceTable) (change.Target, error) { return want, nil }

func TestMapSchema(t *testing.T) {
	t.Parallel()
	tests := []struct {
		schema         string
		source         catalog.Source
		origins        []string
		target, origin string
	}{
		{"diku_mod_inventory_storage", catalog.Source{}, nil, "diku_inventory", ""},
		{"diku_mod_inventory_storage", catalog.Source{TrimSchemaPrefix: "diku_", AddSchemaPrefix: "folio_"}, nil, "folio_inventory", ""},
		{"mod_circulation_storage", catalog.Source{}, nil, "circulation", ""},
		{"west_mod_rs", catalog.Source{AddSchemaPrefix: "reshare_"}, []string{"west"}, "reshare_rs", "west"},
		{"public", catalog.Source{MapPublicSchema: "pub", AddSchemaPrefix: "z_"}, []string{"public"}, "pub", ""},
		{"public", catalog.Source{AddSchemaPrefix: "z_"}, nil, "z_public", ""},
		{"x_mod_y_mod_z_storage_storage", catalog.Source{}, nil, "x_y_mod_z_storage", ""},
		{"mod_mod_a", catalog.Source{}, nil, "mod_a", ""},
		{"Public", catalog.Source{MapPublicSchema: "pub"}, nil, "Public", ""},
		{"a_b_x", catalog.Source{}, []string{"a_b", "a"}, "x", "a_b"},
		{"a_b_x", catalog.Source{}, []string{"a", "a_b"}, "b_x", "a"},
	}
	for _, tt := range tests {
		r, err := newRouter(tt.source, tt.origins, asWanted)
		if err != nil {
			t.Fatal(err)
		}
		want := change.Target{Schema: tt.target, Table: "t", Origin: tt.origin}
		if got, err := r.route(tt.schema, "t"); err != nil || got == nil || *got != want {
			t.Errorf("%s with %+v: %+v, %v, want %+v", tt.schema, tt.source, got, err, want)
		}
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	r, err := newRouter(catalog.Source{
		SchemaPassFilter: "^lib", SchemaStopFilter: "old$", TableStopFilter: `^library\.tmp_, secret`,
	}, nil, asWanted)
	if err != nil {
		t.Fatal(err)
	}
	for table, pass := range map[sourceTable]bool{
		{"library", "a"}: true, {"mylibrary", "a"}: false, {"library_old", "a"}: false,
		{"library", "tmp_x"}: false, {"library", "x_secret_y"}: false, {"xlib", "a"}: false,
	} {
		got, err := r.route(table.schema, table.table)
		if err != nil || got != nil != pass || r.filtered(table.schema, table.table) == pass {
			t.Errorf("%v: %v, %v, want it to pass: %v", table, got, err, pass)
		}
	}
	first, _ := r.route("library", "a")
	if again, err := r.route("library", "a"); first != again || err != nil {
		t.Error("a table's target is not one pointer")
	}
	if _, err := newRouter(catalog.Source{TableStopFilter: "("}, nil, asWanted); err == nil {
		t.Error("a bad pattern is accepted")
	}
}

func TestTopicPatterns(t *testing.T) {
	t.Parallel()
	got, err := topicPatterns(` ^x\. , a.b,`)
	if err != nil || len(got) != 2 || got[0] != `^x\.` || got[1] != `^a\.b$` {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"", " ,", "^("} {
		if got, err := topicPatterns(bad); err == nil {
			t.Errorf("%q: %q", bad, got)
		}
	}
}
