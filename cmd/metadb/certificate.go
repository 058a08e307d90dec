package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// expiryWarning is how long before a certificate ends the log begins to say so.
const expiryWarning = 14 * 24 * time.Hour

// certificate is the certificate and key of the SQL port. The files are looked
// at with each new connection, so that a renewed certificate needs no restart.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu     sync.Mutex // guards all below
	loaded *tls.Certificate
	stamps [2]stamp // of the files when they were last tried
}

// stamp says whether a file is still the same.
type stamp struct {
	modified time.Time
	size     int64
}

// loadCertificate reads the files, which must be good at the start.
func loadCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	c.stamps = c.look()
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// current is the certificate to show. Files that cannot be used leave the one
// that is in use.
func (c *certificate) current() (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.look(); now != c.stamps {
		c.stamps = now
		if err := c.load(); err != nil {
			c.log.Error("cannot load the renewed certificate; the old one stays in use", "error", err)
		} else {
			c.log.Info("certificate reloaded", "file", c.certFile, "expires", c.loaded.Leaf.NotAfter)
		}
	}
	return c.loaded, nil
}

func (c *certificate) look() (now [2]stamp) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			now[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return now
}

// load reads the files; on an error all stays as it was.
func (c *certificate) load() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	c.loaded = &pair
	switch left := time.Until(pair.Leaf.NotAfter); {
	case left <= 0:
		c.log.Error("the certificate has expired", "file", c.certFile, "expired", pair.Leaf.NotAfter)
	case left < expiryWarning:
		c.log.Warn("the certificate expires soon", "file", c.certFile, "expires", pair.Leaf.NotAfter)
	}
	return nil
}
