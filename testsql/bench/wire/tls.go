package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// makeCertificate has the server's program make a certificate for this machine, which
// PostgreSQL and all between show.
func (b *bench) makeCertificate(ctx context.Context, program string) error {
	dir := filepath.Join(b.dir, "certificate")
	if out, err := exec.CommandContext(ctx, program, "init", "-D", dir, "--self-signed").CombinedOutput(); err != nil {
		return fmt.Errorf("metadb init --self-signed: %w: %s", err, out)
	}
	b.certFile, b.keyFile = filepath.Join(b.dir, "server.crt"), filepath.Join(b.dir, "server.key")
	for from, to := range map[string]string{"server.crt": b.certFile, "server.key": b.keyFile} {
		text, err := os.ReadFile(filepath.Join(dir, from))
		if err != nil {
			return err
		}
		if err := os.WriteFile(to, text, 0o644); err != nil { //nolint:gosec // pgbouncer's user reads it; it is worth nothing
			return err
		}
	}
	return nil
}

// encrypt has the server of a data directory offer TLS.
func (b *bench) encrypt(data string) error {
	file, err := os.OpenFile(filepath.Join(data, "metadb.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "tls_certificate = %s\ntls_key = %s\n", b.certFile, b.keyFile)
	return errors.Join(err, file.Close())
}
