package localpg

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"strings"
)

// Options says how a server is set up.  The zero value gives a temporary
// server on a free port.
type Options struct {
	// Dir holds the data and the socket and is kept at the end; when empty, a
	// temporary directory is used and removed.
	Dir string
	// Port on 127.0.0.1; 0 asks the kernel for a free one.
	Port int
	// User is the superuser; "postgres" when empty.
	User string
	// Password of the user; a random one when empty.
	Password string
	// Settings go to the end of postgresql.conf when the cluster is made.
	Settings map[string]string
	// CertFile and KeyFile are PEM files, of which the server gets copies when the
	// cluster is made. It offers TLS with them; without when they are empty.
	CertFile, KeyFile string
	// Packaged is the major version ("15" to "18") of a packaged server to use
	// instead of the installed one.
	Packaged string
	// Log receives the server's log; discarded when nil.
	Log io.Writer
}

// withDefaults fills what was left empty.
func (o Options) withDefaults() Options {
	if o.User == "" {
		o.User = "postgres"
	}
	if o.Password == "" {
		o.Password = rand.Text()
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	return o
}

// quoteSetting writes a value as postgresql.conf wants it.
func quoteSetting(value string) string {
	value = strings.ReplaceAll(value, `\`, `\\`)
	return "'" + strings.ReplaceAll(value, "'", "''") + "'"
}

// freePort asks the kernel for a port that nobody listens on.
func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return port, listener.Close()
}
