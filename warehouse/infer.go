package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"

	"metadb/catalog"
	"metadb/change"
)

// uuidPattern is what PostgreSQL's uuid takes, in lower case.
const uuidPattern = `^(\{([0-9a-f]{4}-?){7}[0-9a-f]{4}\}|([0-9a-f]{4}-?){7}[0-9a-f]{4})$`

// inferPatience is how long a conversion is tried for that waits for others' locks:
// the source waits meanwhile, and text holds UUIDs as well.
const inferPatience = 10 * time.Second

// InferUUID turns the text columns of the source's tables into uuid whose values, of
// which there must be one at least, all are UUIDs, as an endsync of Metadb 1.4 does
// after an initial snapshot. It returns the columns that it has converted.
func (a *Applier) InferUUID(ctx context.Context) ([]string, error) {
	rows, err := a.conn.Query(ctx, "SELECT DISTINCT table_id FROM metadb.table_owner WHERE source = $1", a.source)
	if err != nil {
		return nil, fmt.Errorf("read tables: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil {
		return nil, fmt.Errorf("read tables: %w", err)
	}
	var tables []*table
	for _, t := range a.tables {
		if slices.Contains(ids, t.id) {
			tables = append(tables, t)
		}
	}
	slices.SortFunc(tables, func(x, y *table) int { return strings.Compare(x.String(), y.String()) })
	var converted []string
	for _, t := range tables {
		for _, c := range t.columns {
			if c.Type != change.Text || strings.HasPrefix(c.Name, "__ord__") {
				continue
			}
			done, err := a.infer(ctx, t.tableName, c.Name)
			if err != nil {
				return converted, fmt.Errorf("infer type of %s, column %s: %w", t, c.Name, err)
			}
			if done {
				converted = append(converted, fmt.Sprintf("%s.%s (%s)", t.schema, mainName(t.table), c.Name))
				a.opt.Log.Info("converted column to type uuid", "source", a.source, "table", t.String(), "column", c.Name)
			}
		}
	}
	return converted, nil
}

// infer converts one column if all of its values allow it.
func (a *Applier) infer(ctx context.Context, n tableName, column string) (bool, error) {
	t := a.tables[n]
	var fits bool
	c := quote(column)
	err := a.conn.QueryRow(ctx, fmt.Sprintf(`
		SELECT NOT EXISTS (SELECT FROM %[1]s WHERE %[2]s IS NOT NULL AND lower(%[2]s) !~ $1)
		AND EXISTS (SELECT FROM %[1]s WHERE %[2]s IS NOT NULL)`, t.main(), c), uuidPattern).Scan(&fits)
	if err != nil || !fits {
		return false, err
	}
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		err := pgx.BeginFunc(ctx, a.conn, func(tx pgx.Tx) error { return a.toUUID(ctx, tx, t, column) })
		if err != nil && !isLockWait(err) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(lockBackOff()), backoff.WithMaxElapsedTime(inferPatience))
	if isLockWait(err) {
		a.opt.Log.Warn("column not converted to type uuid: the table is in use", "source", a.source, "table", t.String(), "column", column)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := a.forget(ctx, t); err != nil {
		return false, err
	}
	changed := t.clone()
	changed.columns[changed.index[column]].Type = change.UUID
	changed.indexed[column] = true
	a.tables[n] = changed
	return true, nil
}

// toUUID makes the change. Batches of other sources that feed the table wait.
func (a *Applier) toUUID(ctx context.Context, tx pgx.Tx, t *table, column string) error {
	if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+lockTry+"'"); err != nil {
		return err
	}
	if err := a.fence(ctx, tx); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, $2)", catalog.LockTable, t.id); err != nil {
		return err
	}
	a.opt.Reached("infer.before")
	c := quote(column)
	if _, err := tx.Exec(ctx, "ALTER TABLE "+t.main()+" ALTER COLUMN "+c+" TYPE uuid USING "+c+"::uuid"); err != nil {
		return err
	}
	if !t.indexed[column] {
		if _, err := tx.Exec(ctx, "CREATE INDEX ON "+t.main()+" ("+c+")"); err != nil {
			return err
		}
	}
	a.opt.Reached("infer.inside")
	return nil
}
