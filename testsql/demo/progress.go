package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
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
	line := newLine(d.out, total)
	defer line.close()
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
		records, rows, err := progress(ctx, conn)
		if err != nil {
			return err
		}
		if records > last {
			last, moved = records, time.Now()
		}
		if time.Since(moved) > patience {
			return errors.New("nothing arrives any more: " + status(ctx, conn))
		}
		line.show(records, rows)
	}
	return nil
}

// progress is how many records the warehouse has passed, and how many versions
// of rows it has made of them.
func progress(ctx context.Context, conn *pgx.Conn) (records, rows int64, err error) {
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

// line shows progress: one line that is redrawn on a terminal, else plain lines
// from time to time.
type line struct {
	out   io.Writer
	total int64
	bar   *progressbar.ProgressBar // nil: no terminal
	begin time.Time
	shown time.Time
}

func newLine(out io.Writer, total int64) *line {
	l := &line{out: out, total: total, begin: time.Now(), shown: time.Now()}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		l.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(out),
			progressbar.OptionSetWidth(15),
			progressbar.OptionShowCount(),
			progressbar.OptionShowIts(),
			progressbar.OptionSetItsString("records"),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetRenderBlankState(true),
		)
	}
	return l
}

func (l *line) show(records, rows int64) {
	records = min(records, l.total)
	if l.bar != nil {
		l.bar.Describe(fmt.Sprintf("%d versions", rows))
		_ = l.bar.Set64(records)
		return
	}
	if records < l.total && (records == 0 || time.Since(l.shown) < plainEvery) {
		return
	}
	l.shown = time.Now()
	rate := float64(records) / time.Since(l.begin).Seconds()
	left := time.Duration(float64(l.total-records)/rate) * time.Second
	_, _ = fmt.Fprintf(l.out, "%d of %d records, %d row versions, %.0f records/s, %s left\n", records, l.total, rows, rate, left)
}

func (l *line) close() {
	if l.bar != nil {
		_ = l.bar.Exit()
		_, _ = fmt.Fprintln(l.out)
	}
}
