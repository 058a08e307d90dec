package wire

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// first opens a connection of its own and sends its first bytes.
func (p *play) first(ctx context.Context, word, rest string) error {
	config, err := pgconn.ParseConfig(p.address)
	if err != nil {
		return err
	}
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	if word == "raw" {
		var b []byte
		if _, err := fmt.Sscanf(strings.ReplaceAll(rest, " ", ""), "%x", &b); err != nil {
			return err
		}
		if _, err := conn.Write(b); err != nil {
			return err
		}
		_ = conn.(interface{ CloseWrite() error }).CloseWrite()
		got, err := io.ReadAll(conn)
		fmt.Fprintf(&p.out, "%q %v\n", got, err != nil)
		return nil
	}
	version, parameters, _ := strings.Cut(rest, " ")
	var major, minor uint16
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return err
	}
	body := binary.BigEndian.AppendUint32(nil, uint32(major)<<16|uint32(minor))
	for _, pair := range append([]string{"user=" + config.User, "database=" + config.Database}, strings.Fields(parameters)...) {
		key, value, _ := strings.Cut(pair, "=")
		body = append(append(append(append(body, key...), 0), value...), 0)
	}
	body = append(body, 0)
	if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(4+len(body))), body...)); err != nil {
		return err
	}
	for frontend := pgproto3.NewFrontend(conn, conn); ; {
		m, err := frontend.Receive()
		if err != nil {
			p.out.WriteString("closed\n")
			return nil
		}
		kind, err := p.print(m)
		if err != nil {
			return err
		}
		if kind == "AuthenticationSASL" {
			return nil
		}
	}
}
