package warehouse

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"metadb/catalog"
	"metadb/change"
)

// ErrReserved says that an event's table is none that we may write: its schema is
// PostgreSQL's or ours, or its name is taken by a relation that we did not make
// (rule R11).
var ErrReserved = errors.New("not a table of Metadb's")

// alter applies d to table t inside tx and returns the table as it then is; where
// another source has made the table meanwhile, that one as it is. It may be
// repeated: a transaction that was rolled back left nothing.
func (a *Applier) alter(ctx context.Context, tx pgx.Tx, t *table, d delta) (*table, error) {
	if d.create {
		// One creation at a time; another source may have made this very table.
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, 0)", catalog.LockTable); err != nil {
			return nil, err
		}
		made, err := load(ctx, tx, &t.tableName)
		if err != nil {
			return nil, err
		}
		if there := made[t.tableName]; there != nil {
			return there, nil
		}
	}
	t = t.clone()
	if d.create {
		if err := a.create(ctx, tx, t); err != nil {
			return nil, err
		}
	} else if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, $2)", catalog.LockTable, t.id); err != nil {
		return nil, err
	}
	a.opt.Reached("ddl.created")
	for _, c := range d.add {
		sql := "ALTER TABLE " + t.main() + " ADD COLUMN " + quote(c.Name) + " " + c.Type.String() + a.compression(c.Type)
		if _, err := tx.Exec(ctx, sql); err != nil {
			return nil, fmt.Errorf("add column %s: %w", c.Name, err)
		}
		if err := comment(ctx, tx, t, c); err != nil {
			return nil, fmt.Errorf("comment on column %s: %w", c.Name, err)
		}
		t.addColumn(c)
	}
	a.opt.Reached("ddl.columns")
	for _, c := range d.retype {
		// By PostgreSQL's own cast, as the source's ALTER TABLE has done: it sends no
		// events for the rows that it has rewritten.
		sql := "ALTER TABLE " + t.main() + " ALTER COLUMN " + quote(c.Name) + " TYPE " + c.Type.String()
		if _, err := tx.Exec(ctx, sql); err != nil {
			return nil, fmt.Errorf("change type of column %s to %s: %w", c.Name, c.Type, err)
		}
		t.columns[t.index[c.Name]].Type = c.Type
	}
	a.opt.Reached("ddl.types")
	for _, name := range d.index {
		if _, err := tx.Exec(ctx, "CREATE INDEX ON "+t.main()+" ("+quote(name)+")"); err != nil {
			return nil, fmt.Errorf("create index on %s: %w", name, err)
		}
		t.indexed[name] = true
	}
	a.opt.Reached("ddl.indexes")
	if d.key != nil {
		if err := setKey(ctx, tx, t, d.key); err != nil {
			return nil, err
		}
	}
	a.opt.Reached("ddl.key")
	if d.year != 0 {
		if err := addYear(ctx, tx, t, d.year); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// comment stores a column's note, at the main table and at the current one, which
// people look at.
func comment(ctx context.Context, tx pgx.Tx, t *table, c change.Column) error {
	if c.Note == "" {
		return nil
	}
	for _, relation := range []string{t.main(), t.current()} {
		var sql string
		err := tx.QueryRow(ctx, "SELECT format('COMMENT ON COLUMN %s.%I IS %L', $1::text, $2::text, $3::text)", relation, c.Name, c.Note).Scan(&sql)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// compression is 1.4's choice for the types that hold documents.
func (a *Applier) compression(t change.Type) string {
	if a.lz4 && (t == change.Text || t == change.JSONB) {
		return " COMPRESSION lz4"
	}
	return ""
}

// create makes the parts of a history table, without data columns, and its rows
// in the catalog.
func (a *Applier) create(ctx context.Context, tx pgx.Tx, t *table) error {
	if reservedSchema(t.schema) {
		return fmt.Errorf("schema %q is reserved: %w", t.schema, ErrReserved)
	}
	var taken *string
	err := tx.QueryRow(ctx, `SELECT coalesce('relation ' || to_regclass($1)::text, 'relation ' || to_regclass($2)::text,
		'type ' || to_regtype($1)::text, 'type ' || to_regtype($2)::text)`, t.main(), t.current()).Scan(&taken)
	if err != nil {
		return fmt.Errorf("look for table %s: %w", t, err)
	}
	var recorded bool
	err = tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM metadb.base_table WHERE schema_name = $1 AND table_name = $2)",
		t.schema, t.table).Scan(&recorded)
	if err != nil {
		return fmt.Errorf("look for the record of table %s: %w", t, err)
	}
	if taken != nil && recorded {
		return fmt.Errorf("of table %s only %s is left; restore what is missing, or drop that too: %w", t, *taken, ErrLayout)
	}
	if taken != nil {
		return fmt.Errorf("%s exists and is not ours: %w", *taken, ErrReserved)
	}
	if t.history, err = freeName(ctx, tx, t.schema, t.history); err != nil {
		return err
	}
	if t.sync, err = freeName(ctx, tx, t.schema, t.sync); err != nil {
		return err
	}
	main, current, history := t.main(), t.current(), quote(t.schema, t.history)
	ours := ""
	if recorded {
		ours = "IF NOT EXISTS " // somebody has dropped the main table, to which it does not belong
	}
	statements := []string{
		"CREATE SCHEMA IF NOT EXISTS " + quote(t.schema),
		"CREATE TABLE " + main + ` (
			__id bigint GENERATED BY DEFAULT AS IDENTITY,
			__start timestamp with time zone NOT NULL,
			__end timestamp with time zone NOT NULL,
			__current boolean NOT NULL,
			__origin character varying(63) NOT NULL DEFAULT ''
		) PARTITION BY LIST (__current)`,
		"CREATE TABLE " + current + " PARTITION OF " + main + " FOR VALUES IN (TRUE)",
		"CREATE TABLE " + history + " PARTITION OF " + main + " FOR VALUES IN (FALSE) PARTITION BY RANGE (__start)",
		"CREATE TABLE " + ours + quote(t.schema, t.sync) + " (__id bigint)",
		"CREATE INDEX ON " + main + " (__id)",
		// Every row that ends leaves a dead row in the current partition.
		"ALTER TABLE " + current + " SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05)",
	}
	for _, sql := range statements {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("create table %s: %w", t, err)
		}
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO metadb.base_table (schema_name, table_name, source_name, transformed, parent_schema_name, parent_table_name)
		VALUES ($1, $2, $3, false, '', '') ON CONFLICT DO NOTHING`, t.schema, t.table, a.source)
	if err != nil {
		return fmt.Errorf("record table %s: %w", t, err)
	}
	err = tx.QueryRow(ctx, `
		INSERT INTO metadb.data_table (schema_name, table_name, history_name, sync_name) VALUES ($1, $2, $3, $4)
		ON CONFLICT (schema_name, table_name) DO UPDATE
		SET history_name = excluded.history_name, sync_name = excluded.sync_name
		RETURNING id`, t.schema, t.table, t.history, t.sync).Scan(&t.id)
	if err != nil {
		return fmt.Errorf("number table %s: %w", t, err)
	}
	return nil
}

// setKey records the key columns, which ends the waits for them, and makes the index
// by which rows of a key of several columns are found: on the current partition only,
// so that history costs what it did in 1.4.
func setKey(ctx context.Context, tx pgx.Tx, t *table, key []string) error {
	t.keyKnown, t.key = true, t.key[:0]
	columns := make([]string, 0, len(key)+1)
	for _, name := range key {
		t.key = append(t.key, t.index[name])
		columns = append(columns, quote(name))
	}
	_, err := tx.Exec(ctx, "UPDATE metadb.data_table SET key_columns = $2 WHERE id = $1", t.id, key)
	if err != nil {
		return fmt.Errorf("record key of %s: %w", t, err)
	}
	_, err = tx.Exec(ctx, "DELETE FROM metadb.key_wait WHERE schema_name = $1 AND table_name = $2", t.schema, t.table)
	if err != nil {
		return fmt.Errorf("end waits for the key of %s: %w", t, err)
	}
	if len(key) < 2 {
		return nil
	}
	sql := "CREATE INDEX ON " + t.current() + " (" + strings.Join(append(columns, "__origin"), ", ") + ")"
	if _, err := tx.Exec(ctx, sql); err != nil {
		return fmt.Errorf("create key index of %s: %w", t, err)
	}
	return nil
}

// addYear makes a year's history partition and attaches it: creating it as a
// partition would wait for every reader of the history.
func addYear(ctx context.Context, tx pgx.Tx, t *table, year int) error {
	name, err := freeName(ctx, tx, t.schema, yearName(t.table, year))
	if err != nil {
		return err
	}
	history, part := quote(t.schema, t.history), quote(t.schema, name)
	statements := []string{
		"CREATE TABLE " + part + " (LIKE " + history + " INCLUDING COMPRESSION INCLUDING STORAGE INCLUDING DEFAULTS)",
		"ALTER TABLE " + history + " ATTACH PARTITION " + part +
			" FOR VALUES FROM ('" + bound(year) + "') TO ('" + bound(year+1) + "')",
	}
	for _, sql := range statements {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("create history partition %d of %s: %w", year, t, err)
		}
	}
	t.years[year] = true
	return nil
}

func bound(year int) string { return fmt.Sprintf("%04d-01-01 00:00:00+00", year) }
