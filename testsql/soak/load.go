package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// load sends changes to the broker, and remembers what the tables must hold.
type load struct {
	client *kgo.Client
	admin  *kadm.Client
	random *rand.Rand

	versions [][]int // of each row of each table; its sum is the truth
	lsn      int64
	sent     atomic.Int64 // records that the broker has
	failed   atomic.Pointer[error]
}

// newLoad makes the topics.
func newLoad(ctx context.Context, addr string, tables, rows int) (*load, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(addr), kgo.ProducerLinger(10*time.Millisecond), kgo.MaxBufferedRecords(20_000),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.RecordPartitioner(kgo.ManualPartitioner()),
	)
	if err != nil {
		return nil, fmt.Errorf("producer: %w", err)
	}
	l := &load{client: client, admin: kadm.NewClient(client), random: rand.New(rand.NewPCG(1, 2)), lsn: 1 << 32} //nolint:gosec // repeatable on purpose
	var topics []string
	for table := range tables {
		l.versions = append(l.versions, make([]int, rows))
		topics = append(topics, topicOf(table))
	}
	// The broker lets go of whole segments only.
	small := "131072"
	if _, err := l.admin.CreateTopics(ctx, 1, 1, map[string]*string{"segment.bytes": &small}, topics...); err != nil {
		client.Close()
		return nil, fmt.Errorf("create topics: %w", err)
	}
	return l, nil
}

// fill sends every row once.
func (l *load) fill(ctx context.Context) error {
	for row := range l.versions[0] {
		for table := range l.versions {
			if err := l.send(ctx, table, row, 'c'); err != nil {
				return err
			}
		}
	}
	return l.flush(ctx)
}

// updates sends changes of random rows until ctx ends: rate a second, or as many as
// the broker takes while fewer than ahead are waiting to be applied.
func (l *load) updates(ctx context.Context, rate float64, ahead int64, applied func() int64) error {
	const step = 10 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	began, n := time.Now(), 0.0
	for {
		due := rate*time.Since(began).Seconds() - n
		if rate == 0 {
			due = float64(ahead - (l.sent.Load() + l.client.BufferedProduceRecords() - applied()))
		}
		for ; due >= 1; due-- {
			table := l.random.IntN(len(l.versions))
			if err := l.send(ctx, table, l.random.IntN(len(l.versions[table])), 'u'); err != nil {
				return err
			}
			n++
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return l.flush(context.WithoutCancel(ctx))
		}
	}
}

// send hands one change to the client.
func (l *load) send(ctx context.Context, table, row int, op byte) error {
	if failed := l.failed.Load(); failed != nil {
		return *failed
	}
	l.versions[table][row]++
	l.lsn += 100
	c := change{table: table, id: row + 1, version: l.versions[table][row], op: op, at: time.Now(), lsn: l.lsn}
	l.client.Produce(context.WithoutCancel(ctx), &kgo.Record{Topic: topicOf(table), Key: c.key(), Value: c.value()}, func(_ *kgo.Record, err error) {
		if err != nil {
			l.failed.CompareAndSwap(nil, &err)
			return
		}
		l.sent.Add(1)
	})
	return nil
}

func (l *load) flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := l.client.Flush(ctx); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	if failed := l.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

// forget removes records that are applied from the broker, whose memory they fill.
func (l *load) forget(ctx context.Context, applied map[string]int64) error {
	offsets := make(kadm.Offsets)
	for topic, next := range applied {
		offsets.Add(kadm.Offset{Topic: topic, At: next, LeaderEpoch: -1})
	}
	if _, err := l.admin.DeleteRecords(ctx, offsets); err != nil {
		return fmt.Errorf("remove applied records: %w", err)
	}
	return nil
}

// sum is the sum of all versions of all current rows.
func (l *load) sum() int64 {
	var n int64
	for _, rows := range l.versions {
		for _, v := range rows {
			n += int64(v)
		}
	}
	return n
}
