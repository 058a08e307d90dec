package warehouse

import (
	"context"
	"fmt"
	"regexp"
	"strconv"

	"github.com/jackc/pgx/v5"

	"metadb/change"
)

// load reads the layout of every table of the catalog, or of one table when only
// is not nil. Bounds and columns come from pg_catalog by oid, never from names.
func load(ctx context.Context, tx pgx.Tx, only *tableName) (map[tableName]*table, error) {
	var schema, name *string
	if only != nil {
		schema, name = &only.schema, &only.table
	}
	if err := adopt(ctx, tx); err != nil {
		return nil, fmt.Errorf("adopt tables of an earlier Metadb: %w", err)
	}
	tables, oids, err := loadTables(ctx, tx, schema, name)
	if err != nil {
		return nil, fmt.Errorf("load tables: %w", err)
	}
	if err := loadColumns(ctx, tx, oids); err != nil {
		return nil, fmt.Errorf("load columns: %w", err)
	}
	if err := loadKeys(ctx, tx, tables); err != nil {
		return nil, fmt.Errorf("load keys: %w", err)
	}
	if err := loadIndexes(ctx, tx, oids); err != nil {
		return nil, fmt.Errorf("load indexes: %w", err)
	}
	if err := loadYears(ctx, tx, tables); err != nil {
		return nil, fmt.Errorf("load partitions: %w", err)
	}
	return tables, nil
}

// adopt numbers the tables that 1.4 made. Its helpers have 1.4's names: longer
// table names than these it could not create.
func adopt(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO metadb.data_table (schema_name, table_name, history_name, sync_name)
		SELECT schema_name, table_name, 'zzz___' || table_name || '___', 'zzz___' || table_name || '___sync'
		FROM metadb.base_table b
		WHERE octet_length(table_name) <= 50 AND NOT EXISTS (SELECT FROM metadb.data_table d
			WHERE d.schema_name = b.schema_name AND d.table_name = b.table_name)
		ON CONFLICT DO NOTHING`)
	return err
}

// loadTables makes a table for each row of base_table whose main table exists,
// by name and by the main table's oid.
func loadTables(ctx context.Context, tx pgx.Tx, schema, name *string) (map[tableName]*table, map[uint32]*table, error) {
	rows, err := tx.Query(ctx, `
		SELECT b.schema_name, b.table_name, m.oid, d.id, d.history_name, d.sync_name
		FROM metadb.base_table b
		JOIN pg_namespace n ON n.nspname = b.schema_name
		JOIN pg_class m ON m.relnamespace = n.oid AND m.relkind = 'p'
		JOIN pg_inherits i ON i.inhparent = m.oid
		JOIN pg_class c ON c.oid = i.inhrelid AND c.relname = b.table_name AND c.relkind = 'r'
		JOIN metadb.data_table d USING (schema_name, table_name)
		WHERE ($1::text IS NULL OR (b.schema_name = $1 AND b.table_name = $2))`, schema, name)
	if err != nil {
		return nil, nil, err
	}
	tables := make(map[tableName]*table)
	oids := make(map[uint32]*table)
	var n tableName
	var oid uint32
	var id int32
	var history, sync string
	_, err = pgx.ForEachRow(rows, []any{&n.schema, &n.table, &oid, &id, &history, &sync}, func() error {
		t := newTable(n)
		t.id, t.history, t.sync = id, history, sync
		tables[n], oids[oid] = t, t
		return nil
	})
	return tables, oids, err
}

func loadColumns(ctx context.Context, tx pgx.Tx, oids map[uint32]*table) error {
	rows, err := tx.Query(ctx, `
		SELECT attrelid, attname, atttypid FROM pg_attribute
		WHERE attrelid = ANY ($1) AND attnum > 0 AND NOT attisdropped
		AND attname <> ALL ($2) ORDER BY attrelid, attnum`, keysOf(oids), systemColumns[:])
	if err != nil {
		return err
	}
	var oid, typ uint32
	var name string
	_, err = pgx.ForEachRow(rows, []any{&oid, &name, &typ}, func() error {
		kind, ok := change.TypeOfOID(typ)
		if !ok {
			if t := oids[oid]; t.fault == nil {
				t.fault = at(t.tableName, fmt.Errorf("column %s of table %s has a type that is none of Metadb's: %w", name, t, ErrLayout))
			}
			return nil
		}
		oids[oid].addColumn(change.Column{Name: name, Type: kind})
		return nil
	})
	return err
}

func loadKeys(ctx context.Context, tx pgx.Tx, tables map[tableName]*table) error {
	rows, err := tx.Query(ctx, `SELECT schema_name, table_name, key_columns FROM metadb.data_table WHERE key_columns IS NOT NULL`)
	if err != nil {
		return err
	}
	var n tableName
	var key []string
	_, err = pgx.ForEachRow(rows, []any{&n.schema, &n.table, &key}, func() error {
		t := tables[n]
		if t == nil {
			return nil
		}
		t.keyKnown = true
		for _, name := range key {
			i, ok := t.index[name]
			if !ok {
				t.keyKnown, t.key = false, nil
				break
			}
			t.key = append(t.key, i)
		}
		return nil
	})
	return err
}

func loadIndexes(ctx context.Context, tx pgx.Tx, oids map[uint32]*table) error {
	rows, err := tx.Query(ctx, `
		SELECT i.indrelid, a.attname FROM pg_index i
		JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
		WHERE i.indrelid = ANY ($1)`, keysOf(oids))
	if err != nil {
		return err
	}
	var oid uint32
	var name string
	_, err = pgx.ForEachRow(rows, []any{&oid, &name}, func() error {
		oids[oid].indexed[name] = true
		return nil
	})
	return err
}

// yearBound finds the year in a bound such as FOR VALUES FROM ('2024-01-01 …') TO (…).
var yearBound = regexp.MustCompile(`FROM \('(\d{4,})-01-01`)

// loadYears reads for which years tables have a partition. PostgreSQL shows bounds
// only to who may lock the partition; a table of which somebody has locked one
// takes no events until it is read again.
func loadYears(ctx context.Context, tx pgx.Tx, tables map[tableName]*table) error {
	byHistory := make(map[tableName]*table, len(tables))
	for _, t := range tables {
		byHistory[tableName{t.schema, t.history}] = t
	}
	rows, err := tx.Query(ctx, `
		WITH locked AS MATERIALIZED (
			SELECT relation FROM pg_locks WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock' AND granted AND pid <> pg_backend_pid()
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
		SELECT n.nspname, h.relname, CASE WHEN l.relation IS NULL THEN pg_get_expr(c.relpartbound, c.oid) END
		FROM pg_class h
		JOIN pg_namespace n ON n.oid = h.relnamespace
		JOIN pg_inherits i ON i.inhparent = h.oid
		JOIN pg_class c ON c.oid = i.inhrelid
		LEFT JOIN locked l ON l.relation = c.oid
		WHERE h.relkind = 'p' AND h.relispartition`)
	if err != nil {
		return err
	}
	var n tableName
	var bound *string
	_, err = pgx.ForEachRow(rows, []any{&n.schema, &n.table, &bound}, func() error {
		t := byHistory[n]
		if t != nil && bound == nil && t.fault == nil {
			t.fault = at(t.tableName, ErrLocked)
		}
		if t == nil || bound == nil {
			return nil
		}
		m := yearBound.FindStringSubmatch(*bound)
		if m == nil {
			return nil
		}
		year, err := strconv.Atoi(m[1])
		if err != nil {
			return fmt.Errorf("bound %q of table %s: %w", *bound, t, err)
		}
		t.years[year] = true
		return nil
	})
	return err
}

func keysOf(m map[uint32]*table) []uint32 {
	keys := make([]uint32, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}
