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

// StoreActivity adds to the table metadb.activity.
func (c *Catalog) StoreActivity(ctx context.Context, list []Activity) error {
	_, err := c.pool.CopyFrom(ctx, pgx.Identifier{"metadb", "activity"},
		[]string{"at", "role", "address", "application", "backend_pid", "statement", "text", "outcome", "sqlstate"},
		pgx.CopyFromSlice(len(list), func(i int) ([]any, error) {
			a := list[i]
			return []any{a.At, a.Role, a.Address, a.Application, int64(a.BackendPID), a.Statement, a.Text, a.Outcome, a.SQLState}, nil
		}))
	if err != nil {
		return fmt.Errorf("store activity: %w", err)
	}
	return nil
}
