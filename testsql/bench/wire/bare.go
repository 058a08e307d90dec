package main

import (
	"context"
	"io"
	"net"
	"strconv"
)

// bare adds a relay that looks at nothing, to show what a second connection costs at
// all: one goroutine per direction, which copies.
func (b *bench) bare(ctx context.Context, direct target) error {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", net.JoinHostPort(direct.host, "0"))
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go pass(ctx, client, net.JoinHostPort(direct.host, strconv.Itoa(direct.port)))
		}
	}()
	t := direct
	t.name, t.port = "bare", l.Addr().(*net.TCPAddr).Port
	b.targets = append(b.targets, t)
	return nil
}

// pass gives a client its connection, until one of them ends.
func pass(ctx context.Context, client net.Conn, address string) {
	defer func() { _ = client.Close() }()
	var dialer net.Dialer
	backend, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer func() { _ = backend.Close() }()
	go func() {
		// Without the methods by which net would use splice, which is slower here.
		_, _ = io.Copy(struct{ io.Writer }{backend}, struct{ io.Reader }{client})
		_ = backend.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(struct{ io.Writer }{client}, struct{ io.Reader }{backend})
}
