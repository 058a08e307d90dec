package scenario

import "github.com/jackc/pgx/v5"

// past is the history of a moment: what each row of a table was, by its id.
type past struct {
	queries map[string]string
	rows    map[string]map[int64]pastRow
}

type pastRow struct {
	Current     bool
	Whole, Data string // digests: of all, of all but the end
}

// remember notes all rows of all tables.
func (s *stage) remember() *past {
	s.Helper()
	conn := s.Conn()
	rows, err := conn.Query(s.Context(), `
		SELECT d.schema_name || '.' || d.table_name, format(
			'SELECT __id, __current, md5(ROW(__end, %1$s)::text), md5(ROW(%1$s)::text) FROM %2$I.%3$I',
			(SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
			 WHERE a.attrelid = format('%I.%I', d.schema_name, d.table_name || '__')::regclass AND a.attnum > 0 AND NOT a.attisdropped
			 AND a.attname NOT IN ('__id', '__end', '__current')),
			d.schema_name, d.table_name || '__')
		FROM metadb.data_table d`)
	if err != nil {
		s.Fatal(err)
	}
	p := &past{queries: make(map[string]string), rows: make(map[string]map[int64]pastRow)}
	var name, sql string
	if _, err := pgx.ForEachRow(rows, []any{&name, &sql}, func() error { p.queries[name] = sql; return nil }); err != nil {
		s.Fatal(err)
	}
	for name := range p.queries {
		p.rows[name] = p.now(s, conn, name)
	}
	return p
}

func (p *past) now(s *stage, conn *pgx.Conn, table string) map[int64]pastRow {
	s.Helper()
	rows, err := conn.Query(s.Context(), p.queries[table])
	if err != nil {
		s.Fatal(err)
	}
	found := make(map[int64]pastRow)
	var id int64
	var r pastRow
	_, err = pgx.ForEachRow(rows, []any{&id, &r.Current, &r.Whole, &r.Data}, func() error { found[id] = r; return nil })
	if err != nil {
		s.Fatalf("%s: %v", table, err)
	}
	return found
}

// demandKept demands that every row of then is there, as it was; one that was current
// may have ended.
func (p *past) demandKept(s *stage) {
	s.Helper()
	conn := s.Conn()
	for table, then := range p.rows {
		now := p.now(s, conn, table)
		changed := 0
		for id, r := range then {
			n, there := now[id]
			if !there || n.Data != r.Data || !r.Current && n.Whole != r.Whole {
				changed++
			}
		}
		if changed > 0 {
			s.Errorf("%d of the %d rows that %s had have changed or are gone", changed, len(then), table)
		}
	}
}

// same demands that nothing at all has changed.
func (p *past) same(s *stage) {
	s.Helper()
	conn := s.Conn()
	for table, then := range p.rows {
		now := p.now(s, conn, table)
		if len(now) != len(then) {
			s.Errorf("%s had %d rows and has %d", table, len(then), len(now))
		}
		for id, r := range then {
			if now[id] != r {
				s.Errorf("row %d of %s has changed", id, table)
			}
		}
	}
}
