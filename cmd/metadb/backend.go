package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"metadb/pgwire"
)

// backend is how clients' connections reach PostgreSQL: at the same addresses,
// and with the same TLS, as the server's own.
type backend struct {
	tries []*pgconn.FallbackConfig
}

func newBackend(c conf) (*backend, error) {
	config, err := c.connConfig(c.Systemuser, "")
	if err != nil {
		return nil, err
	}
	first := &pgconn.FallbackConfig{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig}
	return &backend{tries: append([]*pgconn.FallbackConfig{first}, config.Fallbacks...)}, nil
}

// dial opens a connection on which nothing is said yet but TLS.
func (b *backend) dial(ctx context.Context) (net.Conn, error) {
	var errs []error
	for _, try := range b.tries {
		conn, err := dialOne(ctx, try)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func dialOne(ctx context.Context, to *pgconn.FallbackConfig) (net.Conn, error) {
	network, address := pgconn.NetworkAddress(to.Host, to.Port)
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil || to.TLSConfig == nil {
		return conn, err
	}
	encrypted, err := encrypt(ctx, pgwire.Lean(conn), to.TLSConfig)
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("TLS with %s: %w", address, err)
	}
	return encrypted, nil
}

// sslRequest asks PostgreSQL for TLS.
const sslRequest = 1234<<16 | 5679

var errNoTLS = errors.New("the server does not support TLS")

func encrypt(ctx context.Context, conn net.Conn, config *tls.Config) (net.Conn, error) {
	unhook := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer unhook()
	request := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 8}, sslRequest)
	if _, err := conn.Write(request); err != nil {
		return nil, err
	}
	// No more than the answer is read: what follows in clear is not the server's.
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return nil, err
	}
	if answer[0] != 'S' {
		return nil, errNoTLS
	}
	encrypted := tls.Client(conn, config)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	if !unhook() {
		return nil, context.Cause(ctx)
	}
	return encrypted, nil
}

// shownCertificates are those that the other side has shown, if there is TLS.
func shownCertificates(conn net.Conn) []*x509.Certificate {
	if encrypted, ok := conn.(*tls.Conn); ok {
		return encrypted.ConnectionState().PeerCertificates
	}
	return nil
}
