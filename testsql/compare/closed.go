package compare

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Closed compares the rows that the last endsync has closed with the keys that a
// recording says it must close, and returns what differs, one line a key. Tables
// without a key are not looked at, nor is the connector's own one of heartbeats, which
// the recordings' lists do not hold.
func Closed(ctx context.Context, conn *pgx.Conn, capture string) ([]string, error) {
	want, err := keysToClose(capture)
	if err != nil {
		return nil, err
	}
	have, err := closedKeys(ctx, conn)
	if err != nil {
		return nil, err
	}
	var differ []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if !have[key] {
			differ = append(differ, "not closed: "+key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(have)) {
		if !want[key] {
			differ = append(differ, "closed wrongly: "+key)
		}
	}
	return differ, nil
}

// keysToClose are "schema.table column=value,…" of all keys in the recording's list.
func keysToClose(capture string) (map[string]bool, error) {
	dir, _, err := truthDir(capture)
	if err != nil {
		return nil, err
	}
	stage, file := strings.TrimPrefix(path.Base(dir), "truth"), path.Join(path.Dir(dir), "closed_by_endsync.json")
	keys := make(map[string]bool)
	add := func(schema, table string, list []jsonKey) {
		schema, _ = Schemas{}.Target(schema)
		for _, key := range list {
			var parts []string
			for _, column := range slices.Sorted(maps.Keys(key)) {
				text := string(key[column])
				if quoted, err := strconv.Unquote(text); err == nil {
					text = quoted
				}
				parts = append(parts, column+"="+text)
			}
			keys[schema+"."+table+" "+strings.Join(parts, ",")] = true
		}
	}
	if stage == "" {
		var tables []struct {
			Schema, Table string
			Keys          []jsonKey
		}
		if err := readJSON(file, &tables); err != nil {
			return nil, err
		}
		for _, t := range tables {
			add(t.Schema, t.Table, t.Keys)
		}
	} else {
		var all struct {
			Stages map[string]struct{ Keys map[string][]jsonKey }
		}
		if err := readJSON(file, &all); err != nil {
			return nil, err
		}
		for name, list := range all.Stages["stage"+stage].Keys {
			schema, table, _ := strings.Cut(name, ".")
			add(schema, table, list)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s names no key that %s must close", file, capture)
	}
	return keys, nil
}

// closedKeys are the keys of the rows that carry the end of their table's last
// endsync, written likewise.
func closedKeys(ctx context.Context, conn *pgx.Conn) (map[string]bool, error) {
	rows, err := conn.Query(ctx, `
		SELECT d.schema_name || '.' || d.table_name,
		       format('SELECT %s FROM %I.%I WHERE NOT __current AND __end = (SELECT endsync_at FROM metadb.data_table WHERE id = %s)',
		           (SELECT string_agg(format(CASE WHEN a.atttypid = 'date'::regtype THEN '%L || (%I - date ''1970-01-01'')' ELSE '%L || %I' END,
		                                     k || '=', k), ' || '','' || ' ORDER BY k COLLATE "C")
		            FROM unnest(d.key_columns) k JOIN pg_attribute a ON a.attname = k
		                AND a.attrelid = format('%I.%I', d.schema_name, d.table_name || '__')::regclass),
		           d.schema_name, d.table_name || '__', d.id)
		FROM metadb.data_table d
		WHERE d.key_columns <> '{}' AND d.endsync_at IS NOT NULL AND (d.schema_name, d.table_name) <> ('admin', 'heartbeat')`)
	if err != nil {
		return nil, fmt.Errorf("look for tables with an endsync: %w", err)
	}
	var name, sql string
	queries := make(map[string]string)
	if _, err = pgx.ForEachRow(rows, []any{&name, &sql}, func() error { queries[name] = sql; return nil }); err != nil {
		return nil, fmt.Errorf("look for tables with an endsync: %w", err)
	}
	keys := make(map[string]bool)
	for name, sql := range queries {
		rows, err := conn.Query(ctx, sql)
		if err != nil {
			return nil, fmt.Errorf("closed rows of %s: %w", name, err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, fmt.Errorf("closed rows of %s: %w", name, err)
		}
		for _, key := range list {
			keys[name+" "+key] = true
		}
	}
	return keys, nil
}
