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

// IsEventFault says whether an error lies in what an event holds, so that the
// event must be set aside: trying again, or later, gives the same (rule R7).
func IsEventFault(err error) bool {
	if errors.Is(err, ErrValue) || errors.Is(err, ErrReserved) || errors.Is(err, ErrNoKey) {
		return true
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || len(pg.Code) != 5 {
		return false
	}
	switch pg.Code[:2] {
	case "22", "23", "54": // data exception, integrity violation, a limit of Postgres
		return true
	}
	return false
}
