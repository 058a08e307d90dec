package warehouse

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// trip is one round trip: statements sent together, whose results are read in
// order. Round trips, not rows, are what many tables in one batch cost.
type trip struct {
	conn    *pgconn.PgConn
	steps   []step
	pending *pgconn.Pipeline
}

// step is one statement of a trip; read takes its result and may be nil.
type step struct {
	what   string    // for errors: "close rows of lib.loan"
	table  tableName // that an error lies at; zero: none
	stmt   string    // prepared statement, or else
	sql    string    // text with no parameters, or parameters of the given types
	oids   []uint32
	params [][]byte
	read   func(*pgconn.ResultReader) error
}

func (t *trip) add(s step) { t.steps = append(t.steps, s) }

// send puts all statements on the wire.
func (t *trip) send(ctx context.Context) error {
	t.pending = t.conn.StartPipeline(ctx)
	for _, s := range t.steps {
		formats := binaryFormats(len(s.params))
		if s.stmt != "" {
			t.pending.SendQueryPrepared(s.stmt, s.params, formats, binaryResult)
		} else {
			t.pending.SendQueryParams(s.sql, s.params, s.oids, formats, binaryResult)
		}
	}
	if err := t.pending.Sync(); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// receive reads all results. After an error the rest is skipped, as the server does.
func (t *trip) receive() error {
	var first error
	for i := 0; ; i++ {
		result, err := t.pending.GetResults()
		if err != nil {
			if first == nil {
				first = t.explain(i, err)
			}
			break
		}
		reader, ok := result.(*pgconn.ResultReader)
		if !ok { // the sync point
			break
		}
		if s := t.steps[i]; first == nil && s.read != nil {
			err = s.read(reader)
		}
		if _, closeErr := reader.Close(); err == nil {
			err = closeErr
		}
		if err != nil && first == nil {
			first = t.explain(i, err)
		}
	}
	if err := t.pending.Close(); err != nil && first == nil {
		first = err
	}
	t.steps, t.pending = nil, nil
	return first
}

func (t *trip) explain(i int, err error) error {
	if i < len(t.steps) {
		return at(t.steps[i].table, fmt.Errorf("%s: %w", t.steps[i].what, err))
	}
	return err
}

// run sends and receives.
func (t *trip) run(ctx context.Context) error {
	if err := t.send(ctx); err != nil {
		return err
	}
	return t.receive()
}

var binaryResult = []int16{1}

func binaryFormats(n int) []int16 {
	if n == 0 {
		return nil
	}
	return binaryResult
}

// affected reads a result for the number of rows it touched.
func affected(n *int64) func(*pgconn.ResultReader) error {
	return func(r *pgconn.ResultReader) error {
		tag, err := r.Close()
		*n = tag.RowsAffected()
		return err
	}
}
