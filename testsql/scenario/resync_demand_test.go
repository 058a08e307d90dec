package scenario

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"metadb/testsql/compare"
)

// demand compares everything at the end of a resynchronization: the tables with the
// truth and with what 1.4 made, what was closed, the history of before, and what
// synchronizing has left.
func (s *stage) demand(r resync, before *past, live bool) {
	s.Helper()
	conn := s.Conn()
	report, err := compare.Run(s.Context(), conn, r.truth)
	if err != nil {
		s.Fatal(err)
	}
	for _, t := range report.Tables {
		if t.Verdict != compare.Equal && t.Verdict != compare.Odd {
			s.Errorf("%s of %s.%s: %s", t.Check, t.Schema, t.Name, t.Verdict)
		}
	}
	if s.Failed() {
		_ = report.Print(s.Output())
	}
	s.demandClosed(r, live)
	before.demandKept(s)
	s.demandNoOverlap()
	for _, table := range []string{"source_sync", "sync_attempt", "sync_table", "sync_boundary", "sync_letter", "sync_mark_late", "sync_gone"} {
		s.until(conn, "0", "SELECT count(*)::text FROM metadb."+table)
	}
	s.until(conn, "0", "SELECT count(*)::text FROM metadb.sync_mark")
	s.until(conn, "false", "SELECT unsynchronized::text FROM metadb.status")
}

// demandClosed demands that exactly the right keys are closed. live: while the endsync
// was at work, records behind the snapshot came.
func (s *stage) demandClosed(r resync, live bool) {
	s.Helper()
	differ, err := compare.Closed(s.Context(), s.Conn(), r.truth.Capture)
	if err != nil {
		s.Fatal(err)
	}
	reborn := s.reborn(r)
	differ = slices.DeleteFunc(differ, func(d string) bool {
		key, wrongly := strings.CutPrefix(d, "closed wrongly: ")
		return wrongly && live && reborn[key]
	})
	if len(differ) > 0 {
		s.Errorf("%d keys: %s", len(differ), strings.Join(differ[:min(len(differ), 20)], "; "))
	}
}

// reborn are the keys that events behind the snapshot name and none before: a row of one
// was deleted while nothing was captured, and an endsync that comes before the key is
// inserted again closes it, rightly.
func (s *stage) reborn(r resync) map[string]bool {
	s.Helper()
	keys, i := make(map[string]bool), 0
	seen := make(map[string]bool)
	for rec, err := range r.after.records(0) {
		if err != nil {
			s.Fatal(err)
		}
		i++
		var key struct{ Payload map[string]any }
		if rec.Key == nil || json.Unmarshal(rec.Key, &key) != nil {
			continue
		}
		var parts []string
		for _, column := range slices.Sorted(maps.Keys(key.Payload)) {
			parts = append(parts, fmt.Sprintf("%s=%v", column, key.Payload[column]))
		}
		_, table, _ := strings.Cut(rec.Topic, ".")
		name := table + " " + strings.Join(parts, ",")
		if r.snapshot == 0 || i <= r.snapshot {
			seen[name] = true
		} else if !seen[name] {
			keys[name] = true
		}
	}
	return keys
}

// demandNoOverlap looks at all versions of all keys.
func (s *stage) demandNoOverlap() {
	s.Helper()
	conn := s.Conn()
	for _, t := range s.keyedTables(conn) {
		same := "a.__origin = b.__origin"
		for _, k := range t.Key {
			k = pgx.Identifier{k}.Sanitize()
			same += " AND a." + k + " = b." + k
		}
		name := pgx.Identifier{t.Schema, t.Table + "__"}.Sanitize()
		var n int
		err := conn.QueryRow(s.Context(), "SELECT count(*) FROM "+name+" a JOIN "+name+" b ON "+same+
			" AND a.__id < b.__id WHERE (a.__start < b.__end AND b.__start < a.__end) OR (a.__current AND b.__current)").Scan(&n)
		if err != nil {
			s.Fatal(err)
		}
		if n != 0 {
			s.Errorf("%d versions of %s overlap", n, name)
		}
	}
}

// keyedTables yields the schema, the name and the key of all tables that have one.
func (s *stage) keyedTables(conn *pgx.Conn) (tables []struct {
	Schema, Table string
	Key           []string
}) {
	s.Helper()
	rows, err := conn.Query(s.Context(), "SELECT schema_name, table_name, key_columns FROM metadb.data_table WHERE key_columns <> '{}'")
	if err != nil {
		s.Fatal(err)
	}
	tables, err = pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		Schema, Table string
		Key           []string
	}])
	if err != nil || len(tables) == 0 {
		s.Fatal("no tables: ", err)
	}
	return tables
}
