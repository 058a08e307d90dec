package compare

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// warehouse reads tables as text.
type warehouse struct {
	conn *pgx.Conn
}

// openWarehouse makes a session write values as the truth's files have them.
func openWarehouse(ctx context.Context, conn *pgx.Conn) (*warehouse, error) {
	for _, setting := range [][2]string{
		{"timezone", "UTC"}, {"datestyle", "ISO"}, {"intervalstyle", "postgres"}, {"bytea_output", "hex"}, {"extra_float_digits", "1"},
	} {
		if _, err := conn.Exec(ctx, "SELECT set_config($1, $2, false)", setting[0], setting[1]); err != nil {
			return nil, fmt.Errorf("set %s: %w", setting[0], err)
		}
	}
	return &warehouse{conn: conn}, nil
}

// columns gives the names and types of a relation's columns; none when it does
// not exist.
func (w *warehouse) columns(ctx context.Context, name pgx.Identifier) (names []string, types map[string]string, err error) {
	rows, err := w.conn.Query(ctx, `
SELECT a.attname::text, format_type(a.atttypid, a.atttypmod)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname::text = $1 AND c.relname::text = $2 AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum`, name[0], name[1])
	if err != nil {
		return nil, nil, fmt.Errorf("columns of %s: %w", name.Sanitize(), err)
	}
	types = map[string]string{}
	var column, columnType string
	_, err = pgx.ForEachRow(rows, []any{&column, &columnType}, func() error {
		names = append(names, column)
		types[column] = columnType
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("columns of %s: %w", name.Sanitize(), err)
	}
	return names, types, nil
}

// read reads some columns of a relation; those that it does not have are NULL
// in every row.  An origin selects the rows of one origin.
func (w *warehouse) read(ctx context.Context, name pgx.Identifier, want []string, have map[string]string, origin string) ([][]Cell, error) {
	list := make([]string, len(want))
	for i, column := range want {
		list[i] = "NULL::text"
		if _, ok := have[column]; ok {
			list[i] = pgx.Identifier{column}.Sanitize()
		}
	}
	sql := "SELECT " + strings.Join(list, ", ") + " FROM " + name.Sanitize()
	var args [][]byte
	if origin != "" {
		sql += " WHERE __origin = $1"
		args = append(args, []byte(origin))
	}
	return w.text(ctx, sql, args...)
}

// text runs a query and returns the values as the server writes them.
func (w *warehouse) text(ctx context.Context, sql string, args ...[]byte) ([][]Cell, error) {
	reader := w.conn.PgConn().ExecParams(ctx, sql, args, nil, nil, nil)
	var rows [][]Cell
	for reader.NextRow() {
		rows = append(rows, cells(reader))
	}
	if _, err := reader.Close(); err != nil {
		return nil, fmt.Errorf("%s: %w", shorten(sql), err)
	}
	return rows, nil
}

func cells(reader *pgconn.ResultReader) []Cell {
	values := reader.Values()
	row := make([]Cell, len(values))
	for i, value := range values {
		row[i] = Cell{Text: string(value), Null: value == nil}
	}
	return row
}
