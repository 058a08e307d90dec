package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"path/filepath"
	"text/tabwriter"
	"time"

	"metadb/testsql/broker"
	"metadb/testsql/captures"
)

// largeLoad is a topic of rows with a key and one big value.
type largeLoad struct {
	what              string
	table             string
	kind              string // of the value, in its schema
	snapshot, updates int
	value             func(r *rand.Rand, b []byte, i int) []byte
}

func largeLoads() []largeLoad {
	return []largeLoad{
		{"documents of 2 KB", "document", `"type":"string","optional":true,"name":"io.debezium.data.Json","version":1`, 30_000, 6000, document},
		{"texts of 1 KB to 1 MB", "body", `"type":"string","optional":true`, 600, 200, text},
	}
}

// document writes a JSON document of about 2 KB.
func document(r *rand.Rand, b []byte, i int) []byte {
	b = fmt.Appendf(b, `{"number":%d,"items":[`, i)
	for n := range 16 {
		if n > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"id":"%016x","name":"item %d of document %d","price":%d.25,"tags":["%08x","%08x"]}`, r.Uint64(), n, i, r.IntN(1000), r.Uint32(), r.Uint32())
	}
	return append(b, `]}`...)
}

// text writes words that compress like prose; every tenth is of the full size.
func text(r *rand.Rand, b []byte, i int) []byte {
	size := 1 << (10 + i%11)
	for from := len(b); len(b)-from < size; {
		b = fmt.Appendf(b, "word%d ", r.IntN(50_000))
	}
	return b
}

// records yields the load's events: a snapshot, then updates of its first rows.
func (l largeLoad) records() iter.Seq2[captures.Record, error] {
	return func(yield func(captures.Record, error) bool) {
		random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // repeatable on purpose, nothing secret
		row := fmt.Sprintf(`"fields":[{"type":"int32","optional":false,"field":"id"},{%s,"field":"body"}]`, l.kind)
		schema := fmt.Sprintf(`{"schema":{"type":"struct","fields":[{"type":"struct",%s,"optional":true,"field":"before"},`+
			`{"type":"struct",%[1]s,"optional":true,"field":"after"}],"optional":false,"name":"bench.%s.Envelope"},"payload":`, row, l.table)
		begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
		var body []byte
		for i := range l.snapshot + l.updates {
			id, op, mark := i, "r", "true"
			if i >= l.snapshot {
				id, op, mark = i-l.snapshot, "u", "false"
			}
			body = l.value(random, body[:0], i)
			quoted, err := json.Marshal(string(body))
			if err != nil {
				yield(captures.Record{}, err)
				return
			}
			lsn := 1<<32 + i
			value := bytes.NewBufferString(schema)
			fmt.Fprintf(value, `{"before":null,"after":{"id":%d,"body":%s},"source":{"version":"3.1.3.Final","connector":"postgresql",`+
				`"name":"bench","ts_ms":%d,"snapshot":"%s","db":"bench","sequence":"[\"%d\",\"%d\"]","schema":"bench","table":"%s",`+
				`"txId":%d,"lsn":%d,"xmin":null},"transaction":null,"op":"%s","ts_ms":%d}}`,
				id, quoted, begin+int64(i), mark, lsn-1, lsn, l.table, 1000+i, lsn, op, begin+int64(i))
			record := captures.Record{
				Topic: l.topic(), Offset: int64(i), Timestamp: time.UnixMilli(begin + int64(i)), Value: value.Bytes(),
				Key: fmt.Appendf(nil, `{"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":false},"payload":{"id":%d}}`, id),
			}
			if !yield(record, nil) {
				return
			}
		}
	}
}

func (l largeLoad) topic() string { return "large.bench." + l.table }

// large lets each server read each load once.
func (b *bench) large(ctx context.Context) error {
	w := tabwriter.NewWriter(b.out, 2, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\n\tsnapshot, events/s\tupdates, events/s\tpeak memory, MB")
	for _, l := range largeLoads() {
		if _, err := broker.Fill(ctx, b.broker.Addr, broker.Partitions{l.topic(): 1}, l.records(), 0); err != nil {
			return err
		}
		for _, program := range b.programs {
			got, err := b.largeRun(ctx, program, l)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", filepath.Base(program), l.what, err)
			}
			fmt.Fprintf(w, "%s: %s\t%.0f\t%.0f\t%d\n", l.what, filepath.Base(program), got.snapshot, got.updates, got.peak>>20)
		}
	}
	return w.Flush()
}

func (b *bench) largeRun(ctx context.Context, program string, l largeLoad) (outcome, error) {
	db, err := b.warehouse.create(ctx)
	if err != nil {
		return outcome{}, err
	}
	got, err := b.runMetadb(ctx, program, db, work{l.topic(), int64(l.snapshot), int64(l.snapshot + l.updates)})
	if err != nil {
		return outcome{}, err
	}
	rows, err := db.rows(ctx, "bench."+l.table+"__")
	if err != nil {
		return outcome{}, err
	}
	if err := rows.check(broker.Load{Snapshot: l.snapshot, Updates: l.updates}); err != nil {
		return outcome{}, err
	}
	return got, db.drop(ctx)
}
