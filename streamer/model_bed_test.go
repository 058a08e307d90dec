package streamer

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"metadb/catalog"
	"metadb/testsql/pgtest"
)

// TestModel compares what becomes of random sources with the plain model: reader,
// decoder and applier as they are, with records handed over in place of a broker.
// RAPID_CHECKS sets how many.
func TestModel(t *testing.T) {
	t.Parallel()
	b := newModelBed(t)
	rapid.Check(t, func(rt *rapid.T) {
		partitions := rapid.SliceOfN(rapid.SampledFrom([]int{1, 3}), 1, 2).Draw(rt, "partitions")
		d := drawDelivery(rt, drawSource(rt, partitions))
		if diff := b.run(d); diff != "" {
			rt.Fatalf("%s\n%v", diff, d)
		}
	})
}

// modelBed is a warehouse that is emptied between sequences.
type modelBed struct {
	testing.TB
	pool   *pgxpool.Pool
	config *pgx.ConnConfig
	cat    *catalog.Catalog
	source catalog.Source
}

func newModelBed(t testing.TB) *modelBed {
	t.Helper()
	db := pgtest.Prepared(t, catalog.Initialize)
	config, err := pgx.ParseConfig(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	b := &modelBed{TB: t, pool: db.Pool(t), config: config}
	b.cat = catalog.New(b.pool)
	b.source = catalog.Source{Name: "s", Brokers: "b", Topics: "m", ConsumerGroup: "g"}
	return b
}

// run delivers everything and returns how the tables differ from the model.
func (b *modelBed) run(d *modelDelivery) string {
	if err := b.empty(d); err != nil {
		return err.Error()
	}
	if err := b.deliver(d); err != nil {
		return err.Error()
	}
	m := make(model)
	for _, e := range d.log {
		m.apply(e)
	}
	var diff strings.Builder
	for _, t := range d.tables {
		got, err := b.lines(t.name, m.columns(t.name))
		if err != nil {
			return err.Error()
		}
		want := m.lines(t.name)
		if t.keyless {
			lasting := d.lasting(t.name, m.columns(t.name))
			got, want = halves(got, lasting), halves(want, lasting)
		}
		if t.damaged {
			got, want = joined(got), joined(want)
		}
		if x := cmp.Diff(want, got); x != "" {
			fmt.Fprintf(&diff, "table %s (-model +warehouse):\n%s", t.name, x)
		}
	}
	var letters int
	var reason string
	if err := b.pool.QueryRow(b.Context(), "SELECT count(*), coalesce(min(reason), '') FROM metadb.dead_letter").Scan(&letters, &reason); err != nil {
		return err.Error()
	}
	if letters > 0 {
		fmt.Fprintf(&diff, "%d dead letters: %s\n", letters, reason)
	}
	return diff.String()
}

// deliver hands the batches to a run, and to the next one after each crash.
func (b *modelBed) deliver(d *modelDelivery) error {
	shared := make(map[string]bool)
	for _, t := range d.tables {
		for _, topic := range t.topics() {
			if t.partitions > 1 {
				shared[topic] = true
			}
		}
	}
	next := make(map[partition]int64)
	for _, r := range d.sent {
		p := partition{r.Topic, r.Partition}
		r.Offset = next[p]
		next[p]++
	}
	r, err := b.start(shared)
	if err != nil {
		return err
	}
	defer func() { r.stop() }()
	again := func() error {
		r.stop()
		if err := b.settled(); err != nil {
			return err
		}
		fresh, err := b.start(shared)
		if err == nil {
			r = fresh
		}
		return err
	}
	for _, batch := range d.batches {
		if batch.restart {
			if err := again(); err != nil {
				return err
			}
		}
		var records []*kgo.Record
		for _, i := range batch.records {
			records = append(records, d.sent[i].Record)
		}
		r.crashAt = batch.crash - 1
		size := len(records)
		for over := true; over; {
			over = false
			for part := range slices.Chunk(records, size) {
				if over, err = r.batch(part); err != nil {
					return err
				}
				if over {
					break
				}
			}
			r.crashAt = -1
			if over {
				if err := again(); err != nil {
					return err
				}
				size = max(1, batch.again)
			}
		}
	}
	return nil
}

// settled waits until the transaction of a run that has died is gone.
func (b *modelBed) settled() error {
	for busy := true; busy; {
		err := b.pool.QueryRow(b.Context(), `SELECT EXISTS (SELECT FROM pg_locks
			WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).Scan(&busy)
		if err != nil {
			return err
		}
	}
	return nil
}

// empty removes what the last sequence left, and places the next one's partitions.
func (b *modelBed) empty(d *modelDelivery) error {
	_, err := b.pool.Exec(b.Context(), `DROP SCHEMA IF EXISTS m CASCADE; DELETE FROM metadb.table_owner; DELETE FROM metadb.table_source; DELETE FROM metadb.data_table;
		DELETE FROM metadb.base_table; DELETE FROM metadb.source_offset; DELETE FROM metadb.dead_letter; DELETE FROM metadb.apply_ledger;
		DELETE FROM metadb.row_position; DELETE FROM metadb.truncation; DELETE FROM metadb.keyless_seen; DELETE FROM metadb.early_end`)
	if err != nil {
		return err
	}
	stream, err := b.cat.OpenStream(b.Context(), b.source)
	if err != nil {
		return err
	}
	var offsets []catalog.Offset
	for _, t := range d.tables {
		for _, topic := range t.topics() {
			for i := range t.partitions {
				offsets = append(offsets, catalog.Offset{Topic: topic, Partition: int32(i)})
			}
		}
	}
	return b.cat.PlaceOffsets(b.Context(), b.source.Name, stream, offsets, nil)
}

// lines renders all versions of a table, sorted.
func (b *modelBed) lines(table string, columns []string) ([]string, error) {
	if len(columns) == 0 {
		return nil, nil
	}
	list := ""
	for _, c := range columns {
		list += fmt.Sprintf(`, CASE WHEN octet_length(%[1]q::text) > 64 THEN format('%%s… (%%s)', left(%[1]q::text, 4), octet_length(%[1]q::text))
			ELSE coalesce(%[1]q::text, '\N') END`, c)
	}
	rows, err := b.pool.Query(b.Context(), fmt.Sprintf(`SELECT concat_ws('|', (extract(epoch FROM __start) * 1000)::bigint,
		CASE WHEN __current THEN 'now' ELSE ((extract(epoch FROM __end) * 1000)::bigint)::text END%s)
		FROM m.%s__ WHERE __start <= __end AND __current = (tableoid = 'm.%s'::regclass) AND __current = (__end = '9999-12-31 00:00:00+00')`, list, table, table))
	if err != nil {
		return nil, err
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	slices.Sort(lines)
	return lines, err
}
