package warehouse

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"metadb/catalog"
	"metadb/change"
	"metadb/testsql/pgtest"
	"metadb/testsql/poll"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// fixture is a warehouse with one source, "s", that reads partition 0 of topic "t".
type fixture struct {
	testing.TB
	pool   *pgxpool.Pool
	config *pgx.ConnConfig
	cat    *catalog.Catalog
	stream catalog.Stream
	next   int64
	mark   change.Mark
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	db := pgtest.Prepared(t, catalog.Initialize)
	config, err := pgx.ParseConfig(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{TB: t, pool: db.Pool(t), config: config}
	f.cat = catalog.New(f.pool)
	f.stream, err = f.cat.OpenStream(t.Context(), catalog.Source{Name: "s", Brokers: "b", Topics: "t", ConsumerGroup: "g"})
	if err != nil {
		t.Fatal(err)
	}
	err = f.cat.PlaceOffsets(t.Context(), "s", f.stream, []catalog.Offset{{Topic: "t", Partition: 0}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// applier opens an Applier that is closed with the test.
func (f *fixture) applier() *Applier {
	f.Helper()
	a, err := Open(f.Context(), f.config, Options{Source: "s", Stream: f.stream, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { a.Close(context.Background()) })
	return a
}

// batch makes a batch of events, one record each, at the fixture's position.
func (f *fixture) batch(events ...change.Event) *change.Batch {
	b := &change.Batch{Parts: []change.Part{{Topic: "t", From: f.next, Before: f.mark}}, Records: len(events)}
	for _, e := range events {
		e.Offset = f.next
		f.next++
		f.mark.Accept(&e)
		b.Events = append(b.Events, e)
	}
	b.Parts[0].Next, b.Parts[0].After = f.next, f.mark
	return b
}

// apply applies one batch of the events.
func (f *fixture) apply(a *Applier, events ...change.Event) Stats {
	f.Helper()
	stats, _, err := a.Apply(f.Context(), f.batch(events...))
	if err != nil {
		f.Fatalf("apply: %v", err)
	}
	return stats
}

func (f *fixture) exec(sql string) {
	f.Helper()
	if _, err := f.pool.Exec(f.Context(), sql); err != nil {
		f.Fatalf("%s: %v", sql, err)
	}
}

// lines runs a query and renders each row as text, NULL as \N, joined by |.
func (f *fixture) lines(sql string, args ...any) []string {
	f.Helper()
	rows, err := f.pool.Query(f.Context(), sql, args...)
	if err != nil {
		f.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (string, error) {
		var s string
		err := r.Scan(&s)
		return s, err
	})
	if err != nil {
		f.Fatal(err)
	}
	return lines
}

// waitFor waits until the query answers want.
func (f *fixture) waitFor(want, sql string) {
	f.Helper()
	var got []string
	if !poll.Until(f.Context(), 5*time.Millisecond, time.Minute, func() bool { got = f.lines(sql); return len(got) == 1 && got[0] == want }) {
		f.Fatalf("%s: %q, want %q", sql, got, want)
	}
}

// history renders a table's rows in order of __id.
func (f *fixture) history(table, columns string) []string {
	f.Helper()
	return f.lines(fmt.Sprintf(`SELECT concat_ws('|', (extract(epoch FROM __start) * 1000)::bigint,
		CASE WHEN __current THEN 'now' ELSE ((extract(epoch FROM __end) * 1000)::bigint)::text END, x)
		FROM (SELECT *, (SELECT string_agg(coalesce(v, '\N'), '|' ORDER BY n)
		      FROM unnest(ARRAY[%s]) WITH ORDINALITY u(v, n)) AS x FROM %s) t ORDER BY __id`, columns, table))
}

var target = &change.Target{Schema: "lib", Table: "loan"}

// shapeOf makes a shape from pairs of name and type.
func shapeOf(pairs ...any) *change.Shape {
	s := &change.Shape{}
	for i := 0; i < len(pairs); i += 2 {
		s.Columns = append(s.Columns, change.Column{Name: pairs[i].(string), Type: pairs[i+1].(change.Type)})
	}
	return s
}

// unavailable stands for a value that the source did not send.
type unavailable struct{}

// tuple encodes values for a shape: nil is NULL.
func tuple(t testing.TB, s *change.Shape, values ...any) change.Tuple {
	t.Helper()
	m := pgtype.NewMap()
	var out change.Tuple
	for i, c := range s.Columns {
		switch v := values[i].(type) {
		case nil:
			out = change.AppendNull(out)
			continue
		case unavailable:
			out = change.AppendUnavailable(out)
			continue
		case string:
			b, err := m.Encode(c.Type.OID(), pgtype.BinaryFormatCode, textValue(t, m, c.Type, v), nil)
			if err != nil {
				t.Fatalf("encode %v as %s: %v", v, c.Type, err)
			}
			out = change.AppendField(out, b)
			continue
		}
		b, err := m.Encode(c.Type.OID(), pgtype.BinaryFormatCode, values[i], nil)
		if err != nil {
			t.Fatalf("encode %v as %s: %v", values[i], c.Type, err)
		}
		out = change.AppendField(out, b)
	}
	return out
}

// textValue reads a value's text form as PostgreSQL would.
func textValue(t testing.TB, m *pgtype.Map, typ change.Type, text string) any {
	t.Helper()
	switch typ {
	case change.Text:
		return text
	case change.JSONB:
		return []byte(text)
	}
	pt, _ := m.TypeForOID(typ.OID())
	v, err := pt.Codec.DecodeValue(m, typ.OID(), pgtype.TextFormatCode, []byte(text))
	if err != nil {
		t.Fatalf("read %q as %s: %v", text, typ, err)
	}
	if n, ok := v.(pgtype.Numeric); ok {
		return n
	}
	return v
}

// merge is an event that writes a row; its first keys columns are the key.
func merge(t testing.TB, ms int64, s *change.Shape, key *change.Shape, values ...any) change.Event {
	t.Helper()
	e := change.Event{Op: change.Update, TsMs: ms, Target: target, Shape: s, Row: tuple(t, s, values...), KeyShape: key}
	if key == nil {
		e.Op = change.Create
		return e
	}
	e.Key = tuple(t, key, values[:len(key.Columns)]...)
	return e
}

// remove is a delete of a key.
func remove(t testing.TB, ms int64, key *change.Shape, values ...any) change.Event {
	t.Helper()
	return change.Event{Op: change.Delete, TsMs: ms, Target: target, KeyShape: key, Key: tuple(t, key, values...)}
}
