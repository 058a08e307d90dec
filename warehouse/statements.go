package warehouse

import (
	"context"
	"fmt"
	"strings"

	"metadb/change"
)

// statements are those of one table, prepared on the Applier's connection under
// names that end with the table's id.
type statements struct {
	fetch    string // rows of keys: key arrays, origin
	nullable string // the same for keys that hold a NULL
	close    string // ids, ends
	ids      string // how many
	truncate string // end, origin
	insert   string // origin, ids, starts, ends, current, an array per column; "" until needed
	copySQL  string
}

// prepare readies t's statements; they are dropped when its layout changes,
// since a cached plan must not change its result type.
func (a *Applier) prepare(ctx context.Context, t *table) error {
	if t.stmts != nil {
		return nil
	}
	s := &statements{}
	main := t.main()
	prepare := func(name, sql string, oids ...uint32) (string, error) {
		name = fmt.Sprintf("%s_%d", name, t.id)
		if _, err := a.conn.PgConn().Prepare(ctx, name, sql, oids); err != nil {
			return "", at(t.tableName, fmt.Errorf("prepare %s of %s: %w", name, t, err))
		}
		return name, nil
	}
	var err error
	oids := t.fetchTypes(t.lookup())
	if s.fetch, err = prepare("fetch", t.fetchSQL("="), oids...); err != nil {
		return err
	}
	if len(t.key) > 0 {
		if s.nullable, err = prepare("fetch_nullable", t.fetchAnySQL(t.key, "IS NOT DISTINCT FROM"), oids...); err != nil {
			return err
		}
	}
	s.close, err = prepare("close", "UPDATE "+main+" h SET __end = u.e, __current = false"+
		" FROM unnest($1::bigint[], $2::timestamptz[]) u(i, e) WHERE h.__current AND h.__id = u.i",
		change.Int8.ArrayOID(), change.TimestampTZ.ArrayOID())
	if err != nil {
		return err
	}
	var sequence uint32
	err = a.conn.QueryRow(ctx, "SELECT pg_get_serial_sequence($1, '__id')::regclass::oid", main).Scan(&sequence)
	if err != nil {
		return at(t.tableName, fmt.Errorf("find the id sequence of %s: %w", t, err))
	}
	s.ids, err = prepare("ids", fmt.Sprintf("SELECT nextval(%d::oid::regclass) FROM generate_series(1, $1)", sequence), change.Int8.OID())
	if err != nil {
		return err
	}
	s.truncate, err = prepare("truncate", "UPDATE "+main+" SET __end = greatest($1, __start), __current = false WHERE __current AND __origin = $2",
		change.TimestampTZ.OID(), change.Text.OID())
	if err != nil {
		return err
	}
	s.copySQL = "COPY " + main + " (__id, __start, __end, __current, __origin" + t.columnList(", ", "") + ") FROM STDIN (FORMAT binary)"
	t.stmts = s
	return nil
}

// forget drops t's prepared statements.
func (a *Applier) forget(ctx context.Context, t *table) error {
	if t.stmts == nil {
		return nil
	}
	for _, name := range []string{t.stmts.fetch, t.stmts.nullable, t.stmts.close, t.stmts.ids, t.stmts.truncate, t.stmts.insert} {
		if name == "" {
			continue
		}
		if err := a.conn.PgConn().Deallocate(ctx, name); err != nil {
			return fmt.Errorf("forget statements of %s: %w", t, err)
		}
	}
	t.stmts = nil
	return nil
}

// columnList names the data columns, each behind sep and prefix.
func (t *table) columnList(sep, prefix string) string {
	var b strings.Builder
	for _, c := range t.columns {
		b.WriteString(sep + prefix + quote(c.Name))
	}
	return b.String()
}

// fetchTypes are the parameters of a fetch: an array per key column (per column,
// where the table has no key and the whole row is looked for), and the origin.
func (t *table) fetchTypes(look []int) []uint32 {
	var oids []uint32
	for _, i := range look {
		oids = append(oids, t.columns[i].Type.ArrayOID())
	}
	return append(oids, change.Text.OID())
}

// lookup are the columns by which current rows are found.
func (t *table) lookup() []int {
	if len(t.key) > 0 {
		return t.key
	}
	all := make([]int, len(t.columns))
	for i := range all {
		all[i] = i
	}
	return all
}

// fetchSQL reads the current rows of the keys in $1 …, of the origin in the last
// parameter. A table without a key has its whole rows looked for.
func (t *table) fetchSQL(operator string) string {
	switch len(t.key) {
	case 0:
		return t.fetchAnySQL(t.lookup(), "IS NOT DISTINCT FROM")
	case 1:
		return "SELECT c.__id, c.__start" + t.columnList(", ", "c.") + " FROM " + t.current() + " c WHERE c." +
			quote(t.columns[t.key[0]].Name) + " " + operator + " ANY ($1) AND c.__origin = $2"
	}
	return t.fetchAnySQL(t.key, operator)
}

// fetchEndedSQL reads the ended version of a key that stood at the time in the last
// parameter; end compares its __end with that. With places, two more parameters,
// the table's number and an lsn, leave out versions that began at that time but
// behind that lsn.
func (t *table) fetchEndedSQL(look []int, end string, places bool) string {
	operator := "="
	if len(t.key) == 0 {
		operator = "IS NOT DISTINCT FROM"
	}
	var where []string
	for n, i := range look {
		c := t.columns[i]
		where = append(where, fmt.Sprintf("h.%s %s ($%d::%s[])[1]", quote(c.Name), operator, n+1, c.Type))
	}
	last := len(where) + 1
	where = append(where, fmt.Sprintf("h.__origin = $%d AND h.__start <= $%[2]d AND h.__end %[3]s $%[2]d", last, last+1, end))
	if places {
		where = append(where, fmt.Sprintf(`NOT (h.__start = $%d AND EXISTS (SELECT FROM metadb.row_position p
			WHERE p.table_id = $%d AND p.id = h.__id AND p.lsn > $%d))`, last+1, last+2, last+3))
	}
	return "SELECT h.__id, h.__start" + t.columnList(", ", "h.") + " FROM " + t.main() + " h WHERE NOT h.__current AND " +
		strings.Join(where, " AND ") + " ORDER BY h.__start DESC, h.__id DESC LIMIT 1"
}

// fetchAnySQL looks key by key; OFFSET 0 keeps the planner from turning the
// look-ups into a join over the whole table.
func (t *table) fetchAnySQL(look []int, operator string) string {
	var arrays, names, where []string
	for n, i := range look {
		c := t.columns[i]
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", n+1, c.Type))
		names = append(names, fmt.Sprintf("k%d", n))
		where = append(where, fmt.Sprintf("x.%s %s k.k%d", quote(c.Name), operator, n))
	}
	return "SELECT c.__id, c.__start" + t.columnList(", ", "c.") + " FROM unnest(" + strings.Join(arrays, ", ") + ") k(" +
		strings.Join(names, ", ") + ") CROSS JOIN LATERAL (SELECT * FROM " + t.current() + " x WHERE " +
		strings.Join(where, " AND ") + fmt.Sprintf(" AND x.__origin = $%d OFFSET 0) c", len(arrays)+1)
}
