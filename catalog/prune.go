package catalog

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// Parameters that say for how many days what is over is kept: the ledger of what
// batches wrote, requests that have ended, gaps that were cleared.
const (
	ledgerKeepDays  = "ledger_keep_days"
	requestKeepDays = "request_keep_days"
	gapKeepDays     = "gap_keep_days"
)

// defaultKeepDays are the parameters' values unless they are set.
var defaultKeepDays = map[string]int{ledgerKeepDays: 7, requestKeepDays: 30, gapKeepDays: 365}

// earlyEndKeep is for how long an end waits for the row that it ends: longer than one
// topic is ever read behind another.
const earlyEndKeep = 30 * 24 * time.Hour

// pruneRows is how many rows one DELETE removes.
const pruneRows = 5000

// Pruned counts the rows that a Prune has removed.
type Pruned struct{ Ledger, Requests, Gaps, Activity, EarlyEnds int64 }

// Prune removes rows of the catalog that only tell what is long over, a few thousand
// at a time, each time in a transaction of its own. It may be broken off anywhere.
// reached is called with the names of its points.
func (c *Catalog) Prune(ctx context.Context, reached func(string)) (p Pruned, err error) {
	config, err := c.Config(ctx)
	if err != nil {
		return p, err
	}
	keep := func(parameter string) time.Duration {
		days, err := strconv.Atoi(config[parameter])
		if err != nil || days < 1 {
			days = defaultKeepDays[parameter]
		}
		return time.Duration(days) * 24 * time.Hour
	}
	if p.Ledger, err = c.pruneLedger(ctx, keep(ledgerKeepDays), reached); err != nil {
		return p, fmt.Errorf("prune the ledger: %w", err)
	}
	p.Requests, err = c.pruneBy(ctx, `
		DELETE FROM metadb.request WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM metadb.request WHERE state IN ('done', 'failed') AND finished_at < now() - $1::interval LIMIT $2))`, keep(requestKeepDays))
	if err != nil {
		return p, fmt.Errorf("prune requests: %w", err)
	}
	p.Gaps, err = c.pruneBy(ctx, `
		DELETE FROM metadb.source_gap WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM metadb.source_gap WHERE cleared_at < now() - $1::interval LIMIT $2))`, keep(gapKeepDays))
	if err != nil {
		return p, fmt.Errorf("prune gaps: %w", err)
	}
	p.Activity, err = c.pruneBy(ctx, `
		DELETE FROM metadb.activity WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM metadb.activity WHERE at < now() - $1::interval LIMIT $2))`, activityKeep)
	if err != nil {
		return p, fmt.Errorf("prune activity: %w", err)
	}
	p.EarlyEnds, err = c.pruneBy(ctx, `
		DELETE FROM metadb.early_end WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM metadb.early_end WHERE noted_at < now() - $1::interval LIMIT $2))`, earlyEndKeep)
	if err != nil {
		return p, fmt.Errorf("prune early ends: %w", err)
	}
	return p, nil
}

// pruneBy repeats a DELETE that takes an age and a number of rows.
func (c *Catalog) pruneBy(ctx context.Context, sql string, args ...any) (total int64, err error) {
	for {
		tag, err := c.pool.Exec(ctx, sql, append(args, pruneRows)...)
		if err != nil {
			return total, err
		}
		total += tag.RowsAffected()
		if tag.RowsAffected() < pruneRows {
			return total, nil
		}
	}
}

// pruneLedger removes what transactions wrote that had ended before a time. Rows of
// the ledger have no time, which each batch would pay for; so the transactions that
// are over are noted with the time of now, for a later call. The floor is raised
// before anything is removed: what lies below it may be missing (rule R27).
func (c *Catalog) pruneLedger(ctx context.Context, keep time.Duration, reached func(string)) (total int64, err error) {
	var floor *string
	err = pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO metadb.ledger_time (before_xid) SELECT pg_snapshot_xmin(pg_current_snapshot())
			ON CONFLICT DO NOTHING`)
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `SELECT max(before_xid::text::numeric)::text FROM metadb.ledger_time WHERE noted_at < now() - $1::interval`, keep).Scan(&floor)
		if err != nil || floor == nil {
			return err
		}
		if _, err = tx.Exec(ctx, "UPDATE metadb.ledger_state SET ledger_floor = $1::text::xid8 WHERE ledger_floor < $1::text::xid8", *floor); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "DELETE FROM metadb.ledger_time WHERE before_xid < $1::text::xid8", *floor)
		return err
	})
	if err != nil || floor == nil {
		return 0, err
	}
	reached("prune.floor")
	rows, err := c.pool.Query(ctx, `
		WITH RECURSIVE t AS (
			(SELECT table_id FROM metadb.apply_ledger ORDER BY table_id LIMIT 1)
			UNION ALL
			SELECT (SELECT l.table_id FROM metadb.apply_ledger l WHERE l.table_id > t.table_id ORDER BY l.table_id LIMIT 1)
			FROM t WHERE t.table_id IS NOT NULL
		) SELECT table_id FROM t WHERE table_id IS NOT NULL`)
	if err != nil {
		return 0, err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil {
		return 0, err
	}
	for _, id := range tables {
		n, err := c.pruneBy(ctx, `
			DELETE FROM metadb.apply_ledger WHERE ctid = ANY (ARRAY(
				SELECT ctid FROM metadb.apply_ledger WHERE table_id = $1 AND xid < $2::text::xid8 LIMIT $3))`, id, *floor)
		total += n
		if err != nil {
			return total, err
		}
		reached("prune.table")
	}
	return total, nil
}
