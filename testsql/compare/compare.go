package compare

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Options says what to compare.
type Options struct {
	Capture string // name of the recording that was streamed
	Oracle  string // state of the oracle, such as "1_initial"; "" for none
	Schemas Schemas
	// Unclosed lets rows pass that the next endsync will close.
	Unclosed bool
	// Limit is how many differences of a table are kept; 10 when 0.
	Limit int
}

// defaultLimit is how many differences of a table are shown.
const defaultLimit = 10

// Run compares a warehouse with a recording.
func Run(ctx context.Context, conn *pgx.Conn, o Options) (*Report, error) {
	if o.Limit == 0 {
		o.Limit = defaultLimit
	}
	tables, err := readTruth(o.Capture)
	if err != nil {
		return nil, err
	}
	allowed, err := readExceptions(o.Capture, tables, o.Unclosed)
	if err != nil {
		return nil, err
	}
	w, err := openWarehouse(ctx, conn)
	if err != nil {
		return nil, err
	}
	report := &Report{Capture: o.Capture}
	for _, t := range tables {
		results, err := compareTable(ctx, w, t, allowed, o)
		if err != nil {
			return nil, fmt.Errorf("compare %s.%s: %w", t.Schema, t.Name, err)
		}
		report.Tables = append(report.Tables, results...)
	}
	report.Unused = allowed.unused(tables)
	if o.Oracle == "" {
		return report, nil
	}
	results, err := compareOracle(ctx, w, tables, o)
	if err != nil {
		return nil, fmt.Errorf("compare with oracle: %w", err)
	}
	report.Tables = append(report.Tables, results...)
	return report, nil
}

// compareTable compares one table's current rows with the truth and looks at
// its history.
func compareTable(ctx context.Context, w *warehouse, t *table, allowed *exceptions, o Options) ([]*Table, error) {
	schema, origin := o.Schemas.Target(t.Schema)
	result := &Table{Check: Current, Schema: t.Schema, Name: t.Name, Rows: len(t.sheet.Rows), limit: o.Limit}
	want := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		want[i] = c.Name
	}
	name := pgx.Identifier{schema, t.Name}
	columns, types, err := w.columns(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(columns) == 0 {
		result.Verdict = Missing
		if len(t.sheet.Rows) == 0 {
			// An empty table sends nothing, so nobody can know of it.
			result.Verdict = Equal
			result.Notes = append(result.Notes, "not in the warehouse")
		}
		return []*Table{result}, nil
	}
	for _, column := range want {
		if _, ok := types[column]; !ok {
			result.Notes = append(result.Notes, fmt.Sprintf("no column %q", column))
		}
	}
	got, err := w.read(ctx, name, want, types, origin)
	if err != nil {
		return nil, err
	}
	(&comparison{table: t, allowed: allowed, result: result}).rows(got, renderingOf(o.Capture))
	result.conclude()
	history, err := checkHistory(ctx, w, t, pgx.Identifier{schema, t.Name + "__"}, o.Limit)
	if err != nil {
		return nil, err
	}
	if len(history) == 0 && len(t.key) > 0 {
		result.Notes = append(result.Notes, "history not looked at")
	}
	return append([]*Table{result}, history...), nil
}
