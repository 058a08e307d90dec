package warehouse

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrValue marks a value that no column of its table can take.
var ErrValue = errors.New("value does not fit its column")

// ErrNoKey says that an update has neither a key nor the row before it, of a table
// whose key is not known either.
var ErrNoKey = errors.New("the event has neither a key nor the row before the change")

// ErrLayout says that a table is not as we made it, so that it takes no events.
var ErrLayout = errors.New("somebody has changed the table")

// TableError is an error that came up at one table of a batch.
type TableError struct {
	Schema, Table string
	err           error
}

// Error is the text of the error itself, which names the table.
func (e *TableError) Error() string { return e.err.Error() }

// Unwrap returns the error itself.
func (e *TableError) Unwrap() error { return e.err }

// at says at which table an error came up; the zero name is none.
func at(n tableName, err error) error {
	var known *TableError
	if err == nil || n == (tableName{}) || errors.As(err, &known) {
		return err
	}
	return &TableError{Schema: n.schema, Table: n.table, err: err}
}

// TableFault says whether an error lies in a table, and not in an event, the
// connection or the server: trying again helps only when somebody has changed the
// table, and other tables are not concerned (rule R7).
func TableFault(err error) (*TableError, bool) {
	var t *TableError
	if !errors.As(err, &t) || IsEventFault(err) {
		return nil, false
	}
	if errors.Is(err, ErrOwned) || errors.Is(err, ErrLayout) {
		return t, true
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || len(pg.Code) != 5 {
		return nil, false
	}
	switch pg.Code[:2] {
	case "08", "25", "40", "53", "55", "57", "58": // connection, transaction state, conflict, resources, intervention, system
		return nil, false
	}
	return t, true
}

// missesPartition says that a row found no partition, although its table had one
// when it was read: somebody has removed it. Violated constraints have a name.
func missesPartition(pg *pgconn.PgError) bool {
	return pg.Code == "23514" && pg.ConstraintName == ""
}

// IsEventFault says whether an error lies in what an event holds, so that the
// event must be set aside: trying again, or later, gives the same (rule R7).
func IsEventFault(err error) bool {
	if errors.Is(err, ErrValue) || errors.Is(err, ErrReserved) || errors.Is(err, ErrNoKey) {
		return true
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || len(pg.Code) != 5 || missesPartition(pg) {
		return false
	}
	switch pg.Code[:2] {
	case "22", "23", "54": // data exception, integrity violation, a limit of Postgres
		return true
	}
	return false
}
