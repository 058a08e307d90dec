package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"metadb/testsql/broker"
	"metadb/testsql/captures"
	"metadb/testsql/compare"
	"metadb/testsql/kafka"
)

// resync is a resynchronization that recordings hold: those of a first connector,
// and that of a second one, in topics of its own, after changes that nobody captured.
type resync struct {
	before, after  feed
	topics, again  string // the option topics, before and after
	snapshot       int    // so many records of after hold its whole snapshot; 0: all are one piece
	early          int    // so many only a part of it
	truth          compare.Options
	force          string   // what the ENDSYNC must name
	forced         []string // the same for a CALL
	watched, topic string   // a table that is read all the time; its topic in after

}

var shopResync = resync{
	before: feed{names: []string{"shop"}}, topics: shopTopics,
	after: feed{names: []string{"shop_resync"}}, again: `^metadb_shop_2\.`,
	truth:   compare.Options{Capture: "shop_resync", Oracle: "3_after_endsync"},
	force:   " FORCE TABLE shop.doomed, shop.scratch_truncate",
	forced:  []string{"shop", "doomed", "shop", "scratch_truncate"},
	watched: "shop.customers", topic: "metadb_shop_2.shop.customers",
}

var smallResync = resync{
	before: feed{names: []string{"hard/resync_same_topics/stage1", "hard/resync_same_topics/stage2"}}, topics: `^hard_resync_same\.`,
	after: feed{names: []string{"hard/resync_same_topics_new_prefix/stage3"}}, again: `^hard_resync_same_new\.`,
	snapshot: 1000, early: 300, truth: compare.Options{Capture: "hard/resync_same_topics_new_prefix/stage3"},
	watched: "h.acct", topic: "hard_resync_same_new.h.acct",
}

// feed is what is produced: recordings one after the other, into the partitions that
// they had or into a number of them, and under a prefix of the connector's topics that
// may be another.
type feed struct {
	names      []string
	partitions int32 // of each topic, 3 or more; 0: as recorded
	was, now   string
}

// records yields the first n records, all if n is 0.
func (f feed) records(n int) iter.Seq2[captures.Record, error] {
	type partition struct {
		topic string
		id    int32
	}
	return func(yield func(captures.Record, error) bool) {
		next, keyless, i := make(map[partition]int64), int32(0), 0
		for _, name := range f.names {
			for rec, err := range captures.Read(name) {
				if err != nil {
					yield(rec, err)
					return
				}
				if i++; n > 0 && i > n {
					return
				}
				if f.now != "" {
					rec.Topic = strings.ReplaceAll(rec.Topic, f.was, f.now)
					rec.Key, rec.Value = f.renamed(rec.Key), f.renamed(rec.Value)
				}
				if f.partitions > 0 {
					rec.Partition = f.part(rec, &keyless)
					at := partition{rec.Topic, rec.Partition}
					rec.Offset = next[at]
					next[at]++
				}
				if !yield(rec, nil) {
					return
				}
			}
		}
	}
}

// part is the partition of a record. Each gets records of one recorded partition only,
// as the order between recorded ones is not that of the source.
func (f feed) part(rec captures.Record, keyless *int32) int32 {
	const recorded = 3 // at most
	var at []int32
	for p := range f.partitions {
		if p%recorded == rec.Partition || rec.Partition == 0 && !f.split(rec.Topic) {
			at = append(at, p)
		}
	}
	if rec.Key == nil {
		*keyless++
		return at[int(*keyless)%len(at)]
	}
	h := fnv.New32a()
	_, _ = h.Write(rec.Key) // never fails
	return at[h.Sum32()%uint32(len(at))]
}

// split says whether a topic was recorded over several partitions.
func (f feed) split(topic string) bool {
	return strings.HasSuffix(topic, ".acct") || strings.HasSuffix(topic, ".item")
}

func (f feed) renamed(b []byte) []byte {
	if b == nil {
		return nil // a tombstone stays one
	}
	return bytes.ReplaceAll(b, []byte(f.was), []byte(f.now))
}

// over is the same with so many partitions in each topic.
func (r resync) over(partitions int32) resync {
	r.before.partitions, r.after.partitions = partitions, partitions
	return r
}

// fill brings the broker's topics to the first n records of a feed, all if n is 0.
func (s *stage) fill(ctx context.Context, f feed, n, rate int) error {
	topics := broker.Partitions{}
	for rec, err := range f.records(0) {
		if err != nil {
			return err
		}
		topics[rec.Topic] = max(topics[rec.Topic], rec.Partition+1, f.partitions)
	}
	_, err := broker.Fill(ctx, s.broker.Addr(), topics, f.records(n), rate)
	return err
}

// fed is fill as fast as it goes.
func (s *stage) fed(f feed, n int) {
	s.Helper()
	if err := s.fill(s.Context(), f, n, 0); err != nil {
		s.Fatal(err)
	}
}

// synchronized is a stage with a server that has read what came before the
// resynchronization and left the initial mode.
func synchronized(t *testing.T, r resync) *stage {
	t.Helper()
	s := initial(t, r)
	s.WaitFor(settle, "snapshot_complete", "SELECT source_sync FROM metadb.status")
	s.sql("ENDSYNC DATA SOURCE shop;")
	s.WaitFor(settle, "normal", "SELECT source_sync FROM metadb.status")
	return s
}

// initial is a stage with a server that has read what came before.
func initial(t *testing.T, r resync) *stage {
	t.Helper()
	s := newStage(t, kafka.Options{})
	s.Start()
	conn := s.Conn()
	for parameter, value := range map[string]string{"sync_grace_seconds": "0", "checkpoint_segment_size": "200"} {
		if _, err := conn.Exec(t.Context(), "UPDATE metadb.config SET value = $2 WHERE parameter = $1", parameter, value); err != nil {
			t.Fatal(err)
		}
	}
	s.fed(r.before, 0)
	s.topics = regexp.MustCompile(r.topics)
	s.sql(fmt.Sprintf(`CREATE DATA SOURCE shop TYPE kafka OPTIONS (
		brokers '%s', security 'plaintext', topics '%s', consumer_group 'scenario', on_bad_value 'null');`, s.broker.Addr(), r.topics))
	s.streamDrained()
	return s
}

// streamDrained waits until the source's present stream has read its topics to their
// ends.
func (s *stage) streamDrained() {
	s.Helper()
	total := int64(0)
	for topic, parts := range s.broker.EndOffsets() {
		if s.topics.MatchString(topic) {
			for _, end := range parts {
				total += end
			}
		}
	}
	s.until(s.Conn(), fmt.Sprint(total), fmt.Sprintf(`SELECT coalesce(sum(o.next), 0)::text
		FROM metadb.source_offset o JOIN metadb.source_state USING (source, stream) WHERE o.topic ~ '%s'`, s.topics))
}

// script is the procedure up to the second connector, as one transaction.
func (r resync) script() string {
	return "BEGIN;\n" + r.alter() + "\nSYNC DATA SOURCE shop;\nCOMMIT;"
}

func (r resync) alter() string {
	return fmt.Sprintf("ALTER DATA SOURCE shop OPTIONS (SET topics '%s', SET consumer_group 'again');", r.again)
}

// complete waits until the snapshot is complete and all tables are counted.
func (s *stage) complete() {
	s.Helper()
	s.WaitFor(settle, "snapshot_complete", "SELECT source_sync FROM metadb.status")
	s.until(s.Conn(), "0", "SELECT count(*)::text FROM metadb.sync_counts WHERE NOT counted")
}

// ended waits for the end of an endsync and demands that it was not refused.
func (s *stage) ended() {
	s.Helper()
	conn := s.Conn()
	s.until(conn, "0", "SELECT count(*)::text FROM metadb.request WHERE finished_at IS NULL")
	s.until(conn, "true", "SELECT (SELECT state LIKE 'done%' FROM metadb.request WHERE kind = 'endsync' ORDER BY id DESC LIMIT 1)::text")
	s.until(conn, "normal", "SELECT source_sync FROM metadb.status")
}

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

// readers read through the server's port all the time, until the returned function is
// called: no key that lives in the source all the time is ever missing, none is
// current twice, and no two versions overlap.
func (s *stage) readers(r resync) (stop func()) {
	s.Helper()
	stays := s.staying(r)
	history := r.watched + "__"
	checks := []struct {
		what, sql string
		args      []any
	}{
		{"keys that are missing", "SELECT count(*) FROM unnest($1::bigint[]) k WHERE NOT EXISTS (SELECT FROM " + r.watched + " c WHERE c.id = k)", []any{stays}},
		{"keys that are current twice", "SELECT count(*) FROM (SELECT FROM " + r.watched + " GROUP BY id HAVING count(*) > 1) x", nil},
		{"versions that overlap", "SELECT count(*) FROM " + history + " a JOIN " + history + ` b
			ON a.id = b.id AND a.__id < b.__id AND a.__start < b.__end AND b.__start < a.__end`, nil},
	}
	ctx, cancel := context.WithCancel(s.Context())
	var group sync.WaitGroup
	reads := make([]int, len(checks))
	for i, c := range checks {
		conn := s.Dial()
		group.Go(func() {
			for ctx.Err() == nil {
				var n int
				if err := conn.QueryRow(s.Context(), c.sql, c.args...).Scan(&n); err != nil {
					if s.Context().Err() != nil {
						return // the test has ended before it could stop us
					}
					s.Errorf("%s: %v", c.what, err)
					return
				}
				if n != 0 {
					s.Errorf("%s: %d", c.what, n)
					return
				}
				reads[i]++
			}
		})
	}
	return func() {
		s.Helper()
		cancel()
		group.Wait()
		for i, c := range checks {
			if reads[i] < 10 {
				s.Errorf("%s: looked for %d times only", c.what, reads[i])
			}
		}
	}
}

// staying are the keys of the watched table that are current now and that no event of
// the resynchronization deletes, but some event up to its snapshot's end names.
func (s *stage) staying(r resync) []int64 {
	s.Helper()
	id := regexp.MustCompile(`"payload":\s*\{\s*"id":\s*(\d+)`)
	there, gone := make(map[string]bool), make(map[string]bool)
	i := 0
	for rec, err := range r.after.records(0) {
		if err != nil {
			s.Fatal(err)
		}
		i++
		if rec.Topic != r.topic || rec.Key == nil {
			continue
		}
		m := id.FindSubmatch(rec.Key)
		if m == nil {
			s.Fatalf("no id in key %s", rec.Key)
		}
		if r.snapshot == 0 || i <= r.snapshot {
			there[string(m[1])] = true
		}
		if rec.Value == nil {
			gone[string(m[1])] = true
		}
	}
	rows, err := s.Conn().Query(s.Context(), "SELECT id::bigint FROM "+r.watched)
	if err != nil {
		s.Fatal(err)
	}
	current, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		s.Fatal(err)
	}
	var stays []int64
	for _, k := range current {
		if name := fmt.Sprint(k); there[name] && !gone[name] {
			stays = append(stays, k)
		}
	}
	if len(stays) < 20 {
		s.Fatalf("%d keys stay only", len(stays))
	}
	return stays
}
