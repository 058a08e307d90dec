package warehouse

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/jackc/pgx/v5"

	"metadb/catalog"
	"metadb/change"
)

// SourceTable is a table as its source names it.
type SourceTable struct{ Schema, Table string }

// Names gives each table of one source its table here, and keeps to it. The rules of
// the source (prefixes, origins) say which name it is to have; where that is taken
// by another table of ours, or by a part of one, it gets a suffix (rule R11).
type Names struct {
	catalog *catalog.Catalog
	source  string
	log     *slog.Logger
}

// NewNames returns the names of a source.
func NewNames(c *catalog.Catalog, source string, log *slog.Logger) *Names {
	return &Names{catalog: c, source: source, log: log}
}

// maxCandidates bounds how many names are tried for a table. The later ones are
// hashes, of which none should ever be taken.
const maxCandidates = 6

// candidates are the names that a table may get, in order: the one that the rules
// give; with a suffix that is the same for every origin; and then for this table of
// the source alone.
func candidates(want change.Target, from SourceTable) []string {
	list := []string{fit(want.Table), suffixed(want.Table, want.Schema, want.Table)}
	for n := len(list); n < maxCandidates; n++ {
		list = append(list, suffixed(want.Table, want.Schema, from.Schema, from.Table, strconv.Itoa(n)))
	}
	return list
}

// recorded is a row of metadb.table_source.
type recorded struct {
	table, origin, main, wanted, source string
	from                                SourceTable
	alive                               bool // its source exists
}

// Resolve returns where the events of a source's table go: want under the name that
// it has got, recorded now if this is its first event. A table of a source that was
// dropped is taken over. Names that are too long are shortened.
func (n *Names) Resolve(ctx context.Context, want change.Target, from SourceTable) (change.Target, error) {
	want.Schema = fit(want.Schema)
	if reservedSchema(want.Schema) || want.Table == "" {
		return want, nil // to be refused where it is made
	}
	target := want
	err := n.catalog.Transact(ctx, func(tx pgx.Tx) error {
		name, known, err := n.find(ctx, tx, want, from)
		if err == nil && !known {
			name, err = n.choose(ctx, tx, want, from)
		}
		target.Table = name
		return err
	})
	if err != nil {
		return want, fmt.Errorf("find the table of %s.%s: %w", from.Schema, from.Table, err)
	}
	if target.Table != want.Table {
		n.log.Warn("table has another name than its source's: that one is taken or too long", "source", n.source,
			"source_table", from.Schema+"."+from.Table, "table", target.Schema+"."+target.Table)
	}
	return target, nil
}

// find reads what is recorded of a source's table.
func (n *Names) find(ctx context.Context, tx pgx.Tx, want change.Target, from SourceTable) (name string, known bool, err error) {
	rows, err := tx.Query(ctx, `
		SELECT table_name FROM metadb.table_source
		WHERE schema_name = $1 AND wanted = $2 AND origin = $3 AND source = $4 AND source_schema = $5 AND source_table = $6`,
		want.Schema, want.Table, want.Origin, n.source, from.Schema, from.Table)
	if err != nil {
		return "", false, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) == 0 {
		return "", false, err
	}
	return names[0], true, nil
}

// choose takes the first name that is free, or that is this table's already, and
// records it.
func (n *Names) choose(ctx context.Context, tx pgx.Tx, want change.Target, from SourceTable) (string, error) {
	// One at a time, and none while a table is made.
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, 0)", catalog.LockTable); err != nil {
		return "", err
	}
	known, err := n.recorded(ctx, tx, want.Schema)
	if err != nil {
		return "", err
	}
	for _, r := range known { // of a source that was dropped
		if !r.alive && r.wanted == want.Table && r.origin == want.Origin && r.from == from {
			return r.table, n.record(ctx, tx, want, from, r.table)
		}
	}
	for _, name := range candidates(want, from) {
		fits, err := n.mayHave(ctx, tx, want, name, known)
		if err != nil {
			return "", err
		}
		if fits {
			return name, n.record(ctx, tx, want, from, name)
		}
	}
	return "", fmt.Errorf("no name is free for table %s.%s: %w", want.Schema, want.Table, ErrReserved)
}

// mayHave says whether a table may have a name: it is nobody's, or a user's own (who is
// told so when the table is made), or that of a table which has no rows of its
// origin, or only those of a source that was dropped.
func (n *Names) mayHave(ctx context.Context, tx pgx.Tx, want change.Target, name string, known []recorded) (bool, error) {
	main := mainName(name)
	shared := false
	for _, r := range known {
		switch {
		case r.table != name:
			if r.table == main || r.main == name || r.main == main || isPart(r.table, name) || isPart(r.table, main) {
				return false, nil
			}
		case r.wanted != want.Table:
			return false, nil
		case r.origin == want.Origin:
			// Another source's is refused where the table's owner is looked at.
			return !r.alive || r.source != n.source, nil
		default:
			shared = true
		}
	}
	if shared {
		return true, nil
	}
	var free bool
	err := tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM metadb.data_table WHERE schema_name = $1 AND table_name = $2)
		OR NOT EXISTS (
			SELECT FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
			LEFT JOIN pg_index i ON i.indexrelid = c.oid
			LEFT JOIN pg_depend p ON c.relkind = 'S' AND p.classid = 'pg_class'::regclass AND p.objid = c.oid
			          AND p.refclassid = 'pg_class'::regclass AND p.deptype IN ('a', 'i')
			WHERE s.nspname = $1 AND c.relname IN ($2, $3) AND EXISTS (
				SELECT FROM metadb.data_table d
				LEFT JOIN pg_class b ON b.relnamespace = s.oid AND b.relname = d.table_name
				WHERE d.schema_name = $1 AND (d.sync_name = c.relname
				   OR pg_partition_root(b.oid) = pg_partition_root(coalesce(i.indrelid, p.refobjid, c.oid)))))`,
		want.Schema, name, main).Scan(&free)
	return free, err
}

// isPart says whether a name is that of a part which the table has, or may get: the
// parts of a table that is only recorded are not there yet.
func isPart(table, name string) bool {
	if name == historyName(table) || name == syncName(table) {
		return true
	}
	year, err := strconv.Atoi(name[max(0, len(name)-4):])
	return err == nil && name == yearName(table, year)
}

// recorded reads what a schema's names are.
func (n *Names) recorded(ctx context.Context, tx pgx.Tx, schema string) ([]recorded, error) {
	rows, err := tx.Query(ctx, `
		SELECT t.table_name, t.origin, t.main_name, t.wanted, t.source, t.source_schema, t.source_table,
		       EXISTS (SELECT FROM metadb.source s WHERE s.name = t.source)
		FROM metadb.table_source t WHERE t.schema_name = $1`, schema)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r recorded, err error) {
		err = row.Scan(&r.table, &r.origin, &r.main, &r.wanted, &r.source, &r.from.Schema, &r.from.Table, &r.alive)
		return r, err
	})
}

// record stores a table's name, or takes it over from a source that was dropped.
func (n *Names) record(ctx context.Context, tx pgx.Tx, want change.Target, from SourceTable, name string) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO metadb.table_source AS t
		       (schema_name, table_name, origin, main_name, wanted, source, source_schema, source_table)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (schema_name, table_name, origin) DO UPDATE
		SET source = excluded.source, source_schema = excluded.source_schema, source_table = excluded.source_table
		WHERE NOT EXISTS (SELECT FROM metadb.source s WHERE s.name = t.source)`,
		want.Schema, name, want.Origin, mainName(name), want.Table, n.source, from.Schema, from.Table)
	return err
}
