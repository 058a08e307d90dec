package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// listenAddress is one of listen_addresses, without the port.
type listenAddress struct {
	host string // empty for all
	dir  string // of a Unix socket
}

// parseListen reads the value of listen_addresses, in PostgreSQL's form.
func parseListen(value string) (list []listenAddress, err error) {
	for one := range strings.SplitSeq(value, ",") {
		switch one = strings.TrimSpace(one); {
		case one == "":
		case one == "*":
			list = append(list, listenAddress{})
		case filepath.IsAbs(one):
			list = append(list, listenAddress{dir: one})
		default:
			list = append(list, listenAddress{host: strings.Trim(one, "[]")})
		}
	}
	if list == nil {
		return nil, errors.New("no address to listen on")
	}
	return list, nil
}

// isLocal says that only clients on this machine can come by the address.
func (a listenAddress) isLocal() bool {
	if a.dir != "" || a.host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(a.host)
	return err == nil && ip.IsLoopback()
}

func (a listenAddress) listen(ctx context.Context, port int) (net.Listener, error) {
	var config net.ListenConfig
	if a.dir == "" {
		return config.Listen(ctx, "tcp", net.JoinHostPort(a.host, strconv.Itoa(port)))
	}
	path := filepath.Join(a.dir, ".s.PGSQL."+strconv.Itoa(port))
	l, err := config.Listen(ctx, "unix", path)
	if errors.Is(err, syscall.EADDRINUSE) && isAbandoned(ctx, path) {
		_ = os.Remove(path)
		l, err = config.Listen(ctx, "unix", path)
	}
	if err != nil {
		return nil, err
	}
	// Who may connect is decided by password, as on the other addresses.
	if err := os.Chmod(path, 0o777); err != nil { //nolint:gosec // see above
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// isAbandoned says that nobody listens on a socket: its server was killed.
func isAbandoned(ctx context.Context, path string) bool {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// listenAll listens on all addresses, or on none.
func (c conf) listenAll(ctx context.Context, port int) (list []net.Listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range list {
				_ = l.Close()
			}
			list = nil
		}
	}()
	for _, a := range c.ListenAddresses {
		if !a.isLocal() && c.TLSCertificate == "" && !c.AllowPlaintextRemote {
			return list, fmt.Errorf("listen_addresses lets clients on other machines in, and there is no TLS: "+
				"set tls_certificate and tls_key in %s, or allow_plaintext_remote if their network is trusted", confFile)
		}
		l, err := a.listen(ctx, port)
		if err != nil {
			return list, fmt.Errorf("listen on port %d: %w", port, err)
		}
		list = append(list, l)
	}
	return list, nil
}
