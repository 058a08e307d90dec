package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// activityKeep is how long the activity of clients is kept.
const activityKeep = 365 * 24 * time.Hour

// Activity is a statement that a client has run, without secrets, and its outcome.
type Activity struct {
	At                                                             time.Time
	Role, Address, Application, Statement, Text, Outcome, SQLState string
	BackendPID                                                     uint32
}

// StoreActivity adds to the table metadb.activity. On an error it returns the attempt,
// which is to be given to the next one for the same list as earlier: a COMMIT whose
// answer did not come may have stored the list. "" is none.
func (c *Catalog) StoreActivity(ctx context.Context, list []Activity, earlier string) (attempt string, err error) {
	if earlier != "" {
		var status *string // NULL: long ago
		if err := c.pool.QueryRow(ctx, "SELECT pg_xact_status($1::text::xid8)", earlier).Scan(&status); err != nil {
			return earlier, fmt.Errorf("store activity: look for transaction %s: %w", earlier, err)
		}
		switch {
		case status != nil && *status == "committed":
			return "", nil
		case status != nil && *status == "in progress":
			return earlier, fmt.Errorf("store activity: transaction %s is in progress", earlier)
		}
	}
	err = pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "SELECT pg_current_xact_id()::text").Scan(&attempt); err != nil {
			return err
		}
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"metadb", "activity"},
			[]string{"at", "role", "address", "application", "backend_pid", "statement", "text", "outcome", "sqlstate"},
			pgx.CopyFromSlice(len(list), func(i int) ([]any, error) {
				a := list[i]
				return []any{a.At, a.Role, a.Address, a.Application, int64(a.BackendPID), a.Statement, a.Text, a.Outcome, a.SQLState}, nil
			}))
		return err
	})
	if err != nil {
		return attempt, fmt.Errorf("store activity: %w", err)
	}
	return "", nil
}
