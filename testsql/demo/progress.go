package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"metadb/cmd/metadb/progress"
)

// Pace of the progress line, and of plain lines where there is no terminal; and
// how long nothing may move before the demo gives up.
const (
	lookEvery  = 200 * time.Millisecond
	plainEvery = 2 * time.Second
	patience   = time.Minute
)

// follow shows how far the warehouse is until it has all records.
func (d *demo) follow(ctx context.Context, conn *pgx.Conn, total int64, played <-chan error) error {
	line := progress.New(d.out, "records", total).Every(plainEvery)
	defer line.Close()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last, moved := int64(0), time.Now()
	for last < total {
		select {
		case err := <-played:
			if err != nil {
				return fmt.Errorf("play the recording: %w", err)
			}
			played = nil
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		records, rows, err := positions(ctx, conn)
		if err != nil {
			return err
		}
		if records > last {
			last, moved = records, time.Now()
		}
		if time.Since(moved) > patience {
			return errors.New("nothing arrives any more: " + status(ctx, conn))
		}
		line.Show(records, fmt.Sprintf("%d row versions", rows))
	}
	return nil
}

// positions is how many records the warehouse has passed, and how many versions
// of rows it has made of them.
func positions(ctx context.Context, conn *pgx.Conn) (records, rows int64, err error) {
	err = conn.QueryRow(ctx, `
		SELECT (SELECT coalesce(sum(next), 0)::bigint FROM metadb.source_offset),
		       (SELECT coalesce(sum(max_id - min_id + 1), 0)::bigint FROM metadb.apply_ledger)`).Scan(&records, &rows)
	if err != nil {
		return 0, 0, fmt.Errorf("read the positions: %w", err)
	}
	return records, rows, nil
}

// status is what LIST STATUS says of the source.
func status(ctx context.Context, conn *pgx.Conn) string {
	var state, reason string
	if err := conn.QueryRow(ctx, "SELECT source_stream, reason FROM metadb.status").Scan(&state, &reason); err != nil {
		return err.Error()
	}
	return state + " " + reason
}
