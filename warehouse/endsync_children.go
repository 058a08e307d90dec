package warehouse

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Rows of tables that JSON was transformed into have no marks: they end with the row
// that they were made of, in the same chunk (rule R21).

// children are the tables that hold parts of another's rows, with their number.
func (e *endsync) children(ctx context.Context, t synced) ([]synced, error) {
	if len(t.key) == 0 {
		return nil, nil
	}
	rows, err := e.conn.Query(ctx, `
		SELECT d.schema_name, d.table_name, d.id FROM metadb.base_table b JOIN metadb.data_table d USING (schema_name, table_name)
		WHERE b.transformed AND b.parent_schema_name = $1 AND b.parent_table_name = $2
		AND (SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		     WHERE n.nspname = d.schema_name AND c.relname = d.table_name AND a.attname = ANY ($3)) = cardinality($3)
		ORDER BY d.id`, t.schema, t.table, rootColumns(t.key))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (synced, error) {
		var c synced
		err := row.Scan(&c.schema, &c.table, &c.id)
		return c, err
	})
}

// rootColumns are the names that a root's key columns have in its children.
func rootColumns(key []string) []string {
	names := make([]string, len(key))
	for i, k := range key {
		names[i] = fit("__root__" + k)
	}
	return names
}

// closeChildren ends the current rows of a child whose roots were just closed and
// have no other current row.
func (e *endsync) closeChildren(ctx context.Context, tx pgx.Tx, t, child synced, closed []int64) error {
	if len(closed) == 0 {
		return nil
	}
	same, other := "h.__origin = r.__origin", "c.__origin = r.__origin"
	for i, name := range rootColumns(t.key) {
		same += " AND h." + quote(name) + " = r." + quote(t.key[i])
		other += " AND c." + quote(t.key[i]) + " = r." + quote(t.key[i])
	}
	rows, err := tx.Query(ctx, `
		UPDATE `+quote(child.schema, mainName(child.table))+` h SET __end = greatest($2::timestamptz, h.__start), __current = false
		FROM `+quote(t.schema, mainName(t.table))+` r
		WHERE h.__current AND NOT r.__current AND r.__id = ANY ($1) AND `+same+`
		AND NOT EXISTS (SELECT FROM `+quote(t.schema, t.table)+` c WHERE `+other+`)
		RETURNING h.__id`, closed, e.at)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil || len(ids) == 0 {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO metadb.apply_ledger (table_id, closed_ids) VALUES ($1, $2)", child.id, ids)
	return err
}
