package pgwire

import "testing"

// A pipeline's next cycle may give the unnamed statement anew before the answer to
// the failed one comes: what is known of the new one must stay.
func TestFailedCycleForgetsOnlyItsOwnNames(t *testing.T) {
	t.Parallel()
	own := &Rewriting{Statements: []Statement{{Tag: "CREATE DATA ORIGIN"}}}
	failed := cycle{extended: 1, end: bySync, failed: true, notes: []note{{at: 0, parse: true}}}
	for name, later := range map[string][]cycle{
		"known again": {{extended: 1, notes: []note{{at: 0, parse: true, own: own}}}},
		"forgotten":   nil,
	} {
		n := names{statements: map[string]prepared{"": {own: own}}}
		n.forget(&failed, 0, later)
		if _, known := n.statements[""]; known != (later != nil) {
			t.Errorf("%s: known %v", name, known)
		}
	}
}
