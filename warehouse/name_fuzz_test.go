package warehouse

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"metadb/change"
)

// hostileNames are seeds: injections, names at the length where PostgreSQL cuts,
// names of ours, names that look like a part of another table.
var hostileNames = []string{
	"loan", "", `"; DROP TABLE metadb.source; --`, `a"b`, `""`, "a.b", "é", strings.Repeat("é", 32), strings.Repeat("x", 61), strings.Repeat("x", 63),
	strings.Repeat("x", 64), "loan__", "zzz___loan___", "zzz___loan___sync", "zzz___loan___2024", "pg_catalog", "PG_temp", "metadb", "information_schema",
	"__id", "source__id", "sourcesource__id", "\\", "a\nb", "$1", "'", "\u200b", "loan ",
}

// FuzzNames checks what must hold of the names that a source's names become.
func FuzzNames(f *testing.F) {
	for i, name := range hostileNames {
		f.Add(name, hostileNames[(i+1)%len(hostileNames)], hostileNames[(i+7)%len(hostileNames)])
	}
	f.Fuzz(func(t *testing.T, schema, table, other string) {
		for _, name := range []string{schema, table, other} {
			if !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
				t.Skip("the decoder lets no such name pass")
			}
		}
		checkQuoting(t, schema, table)
		if reservedSchema(schema) != reservedSchema(fit(schema)) {
			t.Fatalf("shortening %q makes another schema of it", schema)
		}
		checkIdentifier(t, schema, fit(schema))
		checkColumns(t, table, other)
		if table == "" {
			return
		}
		want := change.Target{Schema: fit(schema), Table: table}
		list := candidates(want, SourceTable{schema, table})
		if !slices.Equal(list, candidates(want, SourceTable{schema, table})) {
			t.Fatalf("names of %q differ from call to call", table)
		}
		for i, name := range list {
			checkIdentifier(t, table, name)
			if slices.Contains(list[:i], name) {
				t.Fatalf("names of %q: %q twice", table, name)
			}
			checkParts(t, name)
		}
		if other == "" || other == table {
			return
		}
		for i, name := range candidates(change.Target{Schema: want.Schema, Table: other}, SourceTable{schema, other}) {
			if name == list[i] {
				t.Fatalf("tables %q and %q both become %q", table, other, name)
			}
		}
	})
}

// checkIdentifier demands a name that PostgreSQL takes as it is.
func checkIdentifier(t *testing.T, from, name string) {
	t.Helper()
	if len(name) > maxName || !utf8.ValidString(name) || from != "" && name == "" {
		t.Fatalf("%q becomes %q", from, name)
	}
}

// checkQuoting reads a quoted name as PostgreSQL does.
func checkQuoting(t *testing.T, names ...string) {
	t.Helper()
	rest := quote(names...)
	for i, want := range names {
		if i > 0 {
			rest = strings.TrimPrefix(rest, ".")
		}
		if !strings.HasPrefix(rest, `"`) {
			t.Fatalf("%q is quoted as %s", names, quote(names...))
		}
		rest = rest[1:]
		var got strings.Builder
		for {
			inside, behind, found := strings.Cut(rest, `"`)
			if !found {
				t.Fatalf("%q is quoted as %s", names, quote(names...))
			}
			got.WriteString(inside)
			rest = behind
			if !strings.HasPrefix(rest, `"`) {
				break
			}
			got.WriteByte('"')
			rest = rest[1:]
		}
		if got.String() != want {
			t.Fatalf("%q is quoted as %s and read as %q", want, quote(names...), got.String())
		}
	}
	if rest != "" {
		t.Fatalf("%q is quoted as %s", names, quote(names...))
	}
}

// checkColumns demands that columns keep apart, from each other and from ours.
func checkColumns(t *testing.T, a, b string) {
	t.Helper()
	for _, source := range []string{a, b} {
		name := columnName(source)
		checkIdentifier(t, source, name)
		if slices.Contains(systemColumns[:], name) {
			t.Fatalf("column %q becomes %q", source, name)
		}
	}
	if a != b && columnName(a) == columnName(b) {
		t.Fatalf("columns %q and %q both become %q", a, b, columnName(a))
	}
}

// checkParts demands that the parts of a table have names of their own, and that
// they are known as such.
func checkParts(t *testing.T, table string) {
	t.Helper()
	parts := []string{table, mainName(table), historyName(table), syncName(table), yearName(table, 1970), yearName(table, 2024), yearName(table, 9998)}
	for i, name := range parts {
		checkIdentifier(t, table, name)
		if slices.Contains(parts[:i], name) {
			t.Fatalf("two parts of table %q are named %q", table, name)
		}
		if i > 1 && len("zzz___"+table+"___sync") <= maxName && !isPart(table, name) {
			t.Fatalf("%q is not known as a part of table %q", name, table)
		}
	}
}
