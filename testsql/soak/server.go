package main

import (
	"context"
	"path/filepath"

	"metadb/testsql/process"
)

// settings of the warehouse: those of a real server of modest size.
func settings() map[string]string {
	return map[string]string{
		"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "shared_buffers": "512MB", "max_wal_size": "4GB", "min_wal_size": "1GB",
	}
}

// start starts the server with its data in dir.
func (s *soak) start(ctx context.Context, dir string, w process.Warehouse) error {
	data := filepath.Join(dir, "data")
	if err := process.Init(ctx, s.metadb, data, w); err != nil {
		return err
	}
	port, err := process.FreePort(ctx, 0)
	if err != nil {
		return err
	}
	s.url = w.Through(port)
	s.server, err = process.Start(ctx, s.metadb, data, filepath.Join(dir, "server.log"), port)
	return err
}
