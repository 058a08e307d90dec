package catalog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"metadb/catalog/secret"
)

// BaseVersion is the version of 1.4's catalog that this one contains.
const BaseVersion = 34

// Catalog reads and writes the rows of schema metadb for the server itself.
type Catalog struct {
	pool *pgxpool.Pool
}

// New returns a Catalog over a pool of the system user's connections.
func New(pool *pgxpool.Pool) *Catalog { return &Catalog{pool: pool} }

// Version is the number that every statement which changes the catalog raises.
func (c *Catalog) Version(ctx context.Context) (int64, error) {
	var v int64
	err := c.pool.QueryRow(ctx, "SELECT catalog_version FROM metadb.instance").Scan(&v)
	if err != nil {
		return 0, fmt.Errorf("read catalog version: %w", err)
	}
	return v, nil
}

// WarehouseID identifies this warehouse for as long as it exists; it is drawn
// when the catalog is made.
func (c *Catalog) WarehouseID(ctx context.Context) (string, error) {
	var id string
	err := c.pool.QueryRow(ctx, "SELECT warehouse_id::text FROM metadb.instance").Scan(&id)
	if err != nil {
		return "", fmt.Errorf("read warehouse id: %w", err)
	}
	return id, nil
}

// Config returns the parameters of ALTER SYSTEM by name.
func (c *Catalog) Config(ctx context.Context) (map[string]string, error) {
	rows, err := c.pool.Query(ctx, "SELECT parameter, value FROM metadb.config")
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	config := make(map[string]string)
	var parameter, value string
	_, err = pgx.ForEachRow(rows, []any{&parameter, &value}, func() error {
		config[parameter] = value
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	return config, nil
}

// Started records that a server of the given version has begun to serve.
func (c *Catalog) Started(ctx context.Context, version string) error {
	_, err := c.pool.Exec(ctx,
		"UPDATE metadb.server SET version = $1, started = now(), heartbeat = now(), catalog_version = -1", version)
	if err != nil {
		return fmt.Errorf("record start: %w", err)
	}
	return nil
}

// Heartbeat says that the server is alive; the status view calls it inactive 15
// seconds after the last one.
func (c *Catalog) Heartbeat(ctx context.Context) error {
	if _, err := c.pool.Exec(ctx, "UPDATE metadb.server SET heartbeat = now()"); err != nil {
		return fmt.Errorf("record heartbeat: %w", err)
	}
	return nil
}

// Stopped takes the heartbeat back, so that the status is right at once.
func (c *Catalog) Stopped(ctx context.Context) error {
	if _, err := c.pool.Exec(ctx, "UPDATE metadb.server SET heartbeat = NULL"); err != nil {
		return fmt.Errorf("record stop: %w", err)
	}
	return nil
}

// Transact runs fn in a transaction of the system user.
func (c *Catalog) Transact(ctx context.Context, fn func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, c.pool, fn)
}

// Sealer reads the key of sealed secrets.
func (c *Catalog) Sealer(ctx context.Context) (*secret.Sealer, error) {
	var key []byte
	if err := c.pool.QueryRow(ctx, "SELECT key FROM metadb.seal").Scan(&key); err != nil {
		return nil, fmt.Errorf("read the key of sealed secrets: %w", err)
	}
	return secret.NewSealer(key)
}
