package main

import (
	"context"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
)

// idle shows what memory so many sessions take that have done something and wait.
func (b *bench) idle(ctx context.Context, out io.Writer, sessions int) error {
	t := b.targets[1]
	before, _, err := b.servers[0].Memory()
	if err != nil {
		return err
	}
	conns := make([]*pgx.Conn, 0, sessions)
	defer func() {
		for _, conn := range conns {
			_ = conn.Close(context.WithoutCancel(ctx))
		}
	}()
	for range sessions {
		conn, err := t.conn(ctx)
		if err != nil {
			return fmt.Errorf("session %d: %w", len(conns), err)
		}
		conns = append(conns, conn)
		if _, err := conn.Exec(ctx, "SELECT abalance FROM pgbench_accounts WHERE aid = $1", len(conns)); err != nil {
			return err
		}
	}
	after, _, err := b.servers[0].Memory()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d idle sessions: %.1f MB more, from %.1f MB\n", sessions, float64(after-before)/(1<<20), float64(before)/(1<<20))
	return nil
}
