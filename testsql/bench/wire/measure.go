package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// measurement is one figure of a target.
type measurement struct {
	name, unit string
	run        func(ctx context.Context, t target) (float64, error)
	gigabytes  float64 // that go through in one run, if it is a COPY
}

func measurements(o options) (list []measurement) {
	for _, mode := range []string{"simple", "extended", "prepared"} {
		for _, clients := range []int{1, 8} {
			list = append(list, measurement{
				fmt.Sprintf("%s, %d clients", mode, clients), "tps",
				func(ctx context.Context, t target) (float64, error) { return t.pgbench(ctx, mode, clients, o.time) }, 0,
			})
		}
	}
	return append(
		list,
		measurement{"COPY out", "MB/s", func(ctx context.Context, t target) (float64, error) { return t.copyOut(ctx, o.mb) }, float64(o.mb) / 1024},
		measurement{"COPY in", "MB/s", func(ctx context.Context, t target) (float64, error) { return t.copyIn(ctx, o.mb) }, float64(o.mb) / 1024},
		measurement{"rows", "rows/s", func(ctx context.Context, t target) (float64, error) { return t.rows(ctx, o.rows) }, 0},
		measurement{"connect", "/s", func(ctx context.Context, t target) (float64, error) { return t.connect(ctx) }, 0},
	)
}

var tps = regexp.MustCompile(`tps = ([0-9.]+)`)

// pgbench runs its look-ups by key.
func (t target) pgbench(ctx context.Context, mode string, clients int, d time.Duration) (float64, error) {
	cmd := exec.CommandContext(ctx, "pgbench", "-n", "-S", "-M", mode, "-c", strconv.Itoa(clients), "-j", strconv.Itoa(min(clients, 2)),
		"-T", strconv.Itoa(int(d.Seconds())), "-h", t.host, "-p", strconv.Itoa(t.port), "-U", t.user, t.database)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+t.password, "PGSSLMODE="+t.ssl)
	text, err := cmd.CombinedOutput()
	found := tps.FindSubmatch(text)
	if err != nil || found == nil {
		return 0, fmt.Errorf("pgbench: %w: %s", err, text)
	}
	return strconv.ParseFloat(string(found[1]), 64)
}

func (t target) conn(ctx context.Context) (*pgx.Conn, error) { return pgx.Connect(ctx, t.url()) }

// copyOut reads a table of so many megabytes.
func (t target) copyOut(ctx context.Context, mb int) (float64, error) {
	conn, err := t.conn(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(ctx) }()
	var n counter
	begin := time.Now()
	_, err = conn.PgConn().CopyTo(ctx, &n, "COPY big TO STDOUT")
	took := time.Since(begin).Seconds()
	if err == nil && int(n) < mb<<20 {
		err = errors.New("table is too small")
	}
	return float64(n) / took / (1 << 20), err
}

// counter forgets what it is given, but for how much it was.
type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// copyIn writes a table that is thrown away.
func (t target) copyIn(ctx context.Context, mb int) (float64, error) {
	conn, err := t.conn(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "CREATE TEMP TABLE sink (i int, s text)"); err != nil {
		return 0, err
	}
	line := "1\t" + strings.Repeat("x", 200) + "\n"
	lines := &repeated{text: []byte(strings.Repeat(line, 1000)), left: (mb << 20) / len(line) / 1000}
	begin := time.Now()
	_, err = conn.PgConn().CopyFrom(ctx, lines, "COPY sink FROM STDIN")
	return float64(mb) / time.Since(begin).Seconds(), err
}

// repeated is a text several times.
type repeated struct {
	text     []byte
	at, left int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.at == len(r.text) {
		r.at, r.left = 0, r.left-1
	}
	if r.left <= 0 {
		return 0, io.EOF
	}
	n := copy(p, r.text[r.at:])
	r.at += n
	return n, nil
}

// rows reads rows of a table by the extended protocol.
func (t target) rows(ctx context.Context, count int) (float64, error) {
	conn, err := t.conn(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(ctx) }()
	begin := time.Now()
	result := conn.PgConn().ExecParams(ctx, "SELECT i, i::text AS t FROM generate_series(1, $1::int) i", [][]byte{[]byte(strconv.Itoa(count))}, nil, nil, nil)
	n := 0
	for result.NextRow() {
		n++
	}
	_, err = result.Close()
	if err == nil && n != count {
		err = fmt.Errorf("%d rows", n)
	}
	return float64(n) / time.Since(begin).Seconds(), err
}

// connect signs in again and again.
func (t target) connect(ctx context.Context) (float64, error) {
	const times = 50
	begin := time.Now()
	for range times {
		conn, err := t.conn(ctx)
		if err != nil {
			return 0, err
		}
		if err := conn.Close(ctx); err != nil {
			return 0, err
		}
	}
	return times / time.Since(begin).Seconds(), nil
}
