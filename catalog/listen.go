package catalog

import (
	"context"
	"fmt"
	"time"
)

// pollEvery is the net below NOTIFY: the longest a change can go unseen.
const pollEvery = 2 * time.Second

// Watch calls changed whenever the catalog's version has risen, and once at the
// start, until ctx ends or the connection fails. Notifications only wake it; the
// version decides, so none can be lost or mistaken.
func (c *Catalog) Watch(ctx context.Context, changed func(context.Context) error) error {
	conn, err := c.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("watch catalog: %w", err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "LISTEN metadb_catalog"); err != nil {
		return fmt.Errorf("listen to catalog: %w", err)
	}
	defer func() { _, _ = conn.Exec(context.WithoutCancel(ctx), "UNLISTEN *") }()
	last := int64(-1)
	for {
		v, err := c.Version(ctx)
		if err != nil {
			return err
		}
		if v != last {
			if err := changed(ctx); err != nil {
				return err
			}
			if err := c.sawVersion(ctx, v); err != nil {
				return err
			}
			last = v
		}
		wait, cancel := context.WithTimeout(ctx, pollEvery)
		_, err = conn.Conn().WaitForNotification(wait)
		timedOut := wait.Err() != nil
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !timedOut {
			return fmt.Errorf("wait for catalog change: %w", err)
		}
	}
}

// sawVersion says that the server works by a version of the catalog, for those
// who wait for that.
func (c *Catalog) sawVersion(ctx context.Context, v int64) error {
	if _, err := c.pool.Exec(ctx, "UPDATE metadb.server SET catalog_version = $1", v); err != nil {
		return fmt.Errorf("record catalog version: %w", err)
	}
	return nil
}
