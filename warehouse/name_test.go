package warehouse

import "testing"

// TestColumnNamesStayDifferent: what makes room for our columns must not land on
// another column of the source.
func TestColumnNamesStayDifferent(t *testing.T) {
	t.Parallel()
	seen := make(map[string]string)
	for _, name := range []string{"__id", "source__id", "sourcesource__id", "id", "source_id", "source", "__start", "source__start", "source__x"} {
		got := columnName(name)
		if other, ok := seen[got]; ok {
			t.Errorf("%s and %s are both %s", name, other, got)
		}
		seen[got] = name
		for _, ours := range systemColumns {
			if got == ours {
				t.Errorf("%s stays %s", name, got)
			}
		}
	}
	if got := columnName("source_id"); got != "source_id" {
		t.Errorf("source_id becomes %s", got)
	}
}
