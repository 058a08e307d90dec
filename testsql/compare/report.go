package compare

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Verdict is the result for one table.
type Verdict string

// The verdicts.  Odd is not given any more: every type is compared by what its
// values mean.
const (
	Equal   Verdict = "equal"
	Odd     Verdict = "odd"
	Differs Verdict = "differs"
	Missing Verdict = "missing"
)

// Reason is the sort of a difference.
type Reason string

// The reasons.
const (
	MissingRow Reason = "missing row"
	ExtraRow   Reason = "extra row"
	DoubledRow Reason = "doubled row"
	WrongValue Reason = "wrong value"
	BadHistory Reason = "bad history"
)

// Check is what was compared.
type Check string

// The checks: current rows with the truth, versions of a row with each other,
// all versions with the oracle.
const (
	Current Check = "current"
	History Check = "history"
	Oracle  Check = "oracle"
)

// Difference is one place where the warehouse is not as it should be.
type Difference struct {
	Reason    Reason
	Key       string
	Column    string `json:",omitempty"`
	Want, Got string `json:",omitempty"`
}

// Table is the result of one check of one table.
type Table struct {
	Check       Check
	Schema      string // of the source; of the warehouse for the oracle
	Name        string
	Verdict     Verdict
	Rows        int // expected
	Count       int // of differences
	Differences []Difference
	Known       int // differences that are allowed
	Notes       []string

	limit int
}

// add notes a difference; only the first ones are kept.
func (t *Table) add(d Difference) {
	t.Count++
	if len(t.Differences) < t.limit {
		t.Differences = append(t.Differences, d)
	}
}

// conclude sets the verdict.
func (t *Table) conclude() {
	t.Verdict = Equal
	if t.Count > 0 {
		t.Verdict = Differs
	}
}

// Report is the result for one recording.
type Report struct {
	Capture string
	Tables  []*Table
	Unused  []Unused `json:",omitempty"` // known differences that are none
}

// Equal says whether every table of every check is equal.
func (r *Report) Equal() bool {
	return len(r.Tables) > 0 && !slices.ContainsFunc(r.Tables, func(t *Table) bool { return t.Verdict != Equal })
}

// Exact says whether besides all differs that is known to differ.
func (r *Report) Exact() bool { return r.Equal() && len(r.Unused) == 0 }

// Table finds a result; nil when there is none.
func (r *Report) Table(check Check, schema, name string) *Table {
	for _, t := range r.Tables {
		if t.Check == check && t.Schema == schema && t.Name == name {
			return t
		}
	}
	return nil
}

// Print writes the report, a line for a table and one for each difference.
func (r *Report) Print(w io.Writer) error {
	var b strings.Builder
	counts := map[Verdict]int{}
	for _, t := range r.Tables {
		counts[t.Verdict]++
		fmt.Fprintf(&b, "%-8s %-8s %s.%s: %d rows", t.Verdict, t.Check, t.Schema, t.Name, t.Rows)
		if t.Count > 0 {
			fmt.Fprintf(&b, ", %d differences", t.Count)
		}
		if t.Known > 0 {
			fmt.Fprintf(&b, ", %d known differences", t.Known)
		}
		for _, note := range t.Notes {
			b.WriteString("; " + note)
		}
		b.WriteByte('\n')
		for _, d := range t.Differences {
			fmt.Fprintf(&b, "         %s, key %s", d.Reason, shorten(d.Key))
			if d.Column != "" {
				fmt.Fprintf(&b, ", column %q", d.Column)
			}
			if d.Want != "" || d.Got != "" {
				fmt.Fprintf(&b, ": want %s, got %s", d.Want, d.Got)
			}
			b.WriteByte('\n')
		}
		if more := t.Count - len(t.Differences); more > 0 {
			fmt.Fprintf(&b, "         … and %d more\n", more)
		}
	}
	for _, u := range r.Unused {
		fmt.Fprintf(&b, "unused   known    %s.%s, key %s, column %q: %s\n", u.Schema, u.Table, shorten(u.Key), u.Column, u.Why)
	}
	fmt.Fprintf(&b, "%s: %d equal, %d differ, %d missing, %d unused\n",
		r.Capture, counts[Equal], counts[Differs], counts[Missing], len(r.Unused))
	_, err := io.WriteString(w, b.String())
	return err
}
