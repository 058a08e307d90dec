package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// KeyState is what has come of a wait for the key of a table.
type KeyState int

// A key is awaited until it is known, or until it was waited for long enough.
const (
	KeyAwaited KeyState = iota
	KeyKnown
	KeyGivenUp
)

// AwaitKey notes that a table of a source waits for its key, and says what has come
// of it. The wait is given up after patience, counted from the first call for the
// table, over all restarts; that stays so until the key is known.
func (c *Catalog) AwaitKey(ctx context.Context, source, schema, table string, patience time.Duration) (KeyState, error) {
	state := KeyAwaited
	err := c.Transact(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO metadb.key_wait (source, schema_name, table_name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
			source, schema, table)
		if err != nil {
			return err
		}
		var known bool
		err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM metadb.data_table WHERE schema_name = $1 AND table_name = $2 AND key_columns IS NOT NULL)`,
			schema, table).Scan(&known)
		if err != nil {
			return err
		}
		if known {
			state = KeyKnown
			_, err = tx.Exec(ctx, "DELETE FROM metadb.key_wait WHERE source = $1 AND schema_name = $2 AND table_name = $3", source, schema, table)
			return err
		}
		err = tx.QueryRow(ctx, `
			UPDATE metadb.key_wait SET given_up_at = coalesce(given_up_at, now())
			WHERE source = $1 AND schema_name = $2 AND table_name = $3 AND (given_up_at IS NOT NULL OR since + $4::interval <= now())
			RETURNING true`, source, schema, table, patience).Scan(&known)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		state = KeyGivenUp
		return err
	})
	if err != nil {
		return KeyAwaited, fmt.Errorf("look for the key of table %s.%s: %w", schema, table, err)
	}
	return state, nil
}
