package pgwire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// Codes of the packets that come before a session, in the place of a protocol
// version.
const (
	cancelRequest  = 1234<<16 | 5678
	sslRequest     = 1234<<16 | 5679
	gssEncRequest  = 1234<<16 | 5680
	requestVersion = 1234 // the upper half of these
)

// maxStartup is the longest first packet, as in PostgreSQL.
const maxStartup = 10000

var errNotPostgres = errors.New("first packet is not of the protocol")

// arrival is a client that has not yet said who it is.
type arrival struct {
	conn net.Conn // as it came, or encrypted
}

// open takes a client through start-up and authentication. There is no session
// if the client came to cancel another's statement; else admission.end is to be
// called behind it.
func (s *Server) open(ctx context.Context, client *arrival) (*session, error) {
	accepted := client.conn
	release, refused := s.admission.reserve(accepted)
	if refused != nil {
		return nil, refused
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, s.config.StartupTime)
	defer cancel()
	// A read that waits for the client ends with the context.
	unhook := context.AfterFunc(ctx, func() { _ = accepted.SetDeadline(time.Now()) })
	defer unhook()

	packet, err := s.readStartup(ctx, client)
	if err != nil {
		return nil, err
	}
	if code(packet) == cancelRequest {
		return nil, s.cancel(ctx, packet)
	}
	if packet, err = s.startupPacket(packet); err != nil {
		return nil, err
	}
	if !isLocal(client.conn) && !isEncrypted(client.conn) && !s.config.AllowPlaintextRemote {
		return nil, errPlaintext
	}
	if refused := s.admission.begin(); refused != nil {
		return nil, refused
	}
	var made *session
	defer func() {
		if made == nil {
			s.admission.end()
		}
	}()
	candidate, err := s.connect(ctx, client.conn, packet)
	// If the hook has begun, a deadline may still come over the session.
	if err == nil && !unhook() {
		_ = candidate.backend.Close()
		err = fmt.Errorf("start-up: %w", context.Cause(ctx))
	}
	if err != nil {
		return nil, err
	}
	made = candidate
	return made, nil
}

// connect gives a client its backend and relays its authentication.
func (s *Server) connect(ctx context.Context, client net.Conn, packet []byte) (*session, error) {
	backend, err := s.config.Dial(ctx)
	if err != nil {
		s.config.Logger.Warn("backend not reachable", "error", err)
		return nil, &refusal{
			code:    "57P03",
			message: "the database server is not reachable",
			hint:    "Metadb is running, but its PostgreSQL server does not answer. Try again when it does.",
		}
	}
	unhook := context.AfterFunc(ctx, func() { _ = backend.SetDeadline(time.Now()) })
	made := newSession(s, client, Lean(backend))
	made.ledger.journal = journal{observe: s.config.Observe, who: Activity{
		User: parameter(packet, "user"), Application: parameter(packet, "application_name"), Client: client.RemoteAddr().String(),
	}}
	if _, err = backend.Write(packet); err == nil {
		err = made.authenticate()
	}
	if !unhook() {
		err = errors.Join(err, fmt.Errorf("start-up: %w", context.Cause(ctx)))
	}
	if err != nil {
		_ = backend.Close()
		return nil, err
	}
	return made, nil
}

var errPlaintext = &refusal{
	code:    "28000",
	message: "connections from other machines must use TLS",
	hint:    "Connect with sslmode=require or stronger.",
}

// readStartup answers requests for encryption and returns the packet that
// follows them, with its length. It reads no byte too many, so that nothing
// that was sent in clear can be taken for encrypted.
func (s *Server) readStartup(ctx context.Context, client *arrival) ([]byte, error) {
	var first [1]byte
	if _, err := io.ReadFull(client.conn, first[:]); err != nil {
		return nil, err
	}
	// Like PostgreSQL, a Unix socket offers none.
	offered := s.config.Certificate != nil && client.conn.LocalAddr().Network() != "unix"
	asked := map[uint32]bool{}
	rest := io.MultiReader(bytes.NewReader(first[:]), client.conn)
	if first[0] == handshakeRecord && offered {
		encrypted, err := s.encrypt(ctx, client.conn, true, first[0])
		if err != nil {
			return nil, err
		}
		client.conn, rest = encrypted, encrypted
		asked[sslRequest] = true
	}
	for {
		packet, err := readPacket(rest)
		if err != nil {
			return nil, err
		}
		rest = client.conn
		c := code(packet)
		if c == cancelRequest || c>>16 != requestVersion {
			return packet, nil
		}
		if c != sslRequest && c != gssEncRequest || asked[c] || len(packet) != 8 {
			return nil, errNotPostgres
		}
		asked[c] = true
		if c == gssEncRequest || !offered {
			// N tells the client to go on without.
			if _, err := client.conn.Write([]byte{'N'}); err != nil {
				return nil, err
			}
			continue
		}
		if _, err := client.conn.Write([]byte{'S'}); err != nil {
			return nil, err
		}
		encrypted, err := s.encrypt(ctx, client.conn, false)
		if err != nil {
			return nil, err
		}
		client.conn, rest = encrypted, encrypted
	}
}

// readPacket reads a packet that has no type byte. One of a wrong length, such
// as the first bytes of HTTP make, is not answered.
func readPacket(r io.Reader) ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n < uint32(len(head)) || n > maxStartup {
		return nil, errNotPostgres
	}
	packet := make([]byte, n)
	copy(packet, head[:])
	_, err := io.ReadFull(r, packet[len(head):])
	return packet, err
}

// code is the protocol version of a packet, or what it asks for.
func code(packet []byte) uint32 { return binary.BigEndian.Uint32(packet[4:]) }

// startupPacket is the packet to send to the backend: the client's own, but for
// the name of the database. What the backend does not know, as a new version of
// the protocol, it answers itself.
func (s *Server) startupPacket(packet []byte) ([]byte, error) {
	switch major := code(packet) >> 16; {
	case major < 3: // the backend would answer in the format of that version
		return nil, &refusal{code: "0A000", message: fmt.Sprintf("unsupported frontend protocol %d.%d", major, code(packet)&0xffff)}
	case major > 3:
		return packet, nil
	}
	out := append([]byte(nil), packet[:8]...)
	changed := false
	rest := packet[8:]
	for len(rest) > 0 && rest[0] != 0 {
		var key, value string
		var ok [2]bool
		key, rest, ok[0] = cut(rest)
		value, rest, ok[1] = cut(rest)
		if !ok[0] || !ok[1] {
			break
		}
		switch {
		case key == "replication" && !isOff(value):
			return nil, &refusal{
				code:    "0A000",
				message: "replication connections are not supported",
				hint:    "Connect to the PostgreSQL server itself.",
			}
		case key == "database" && value == alias && s.config.Database != "":
			value, changed = s.config.Database, true
		}
		out = append(append(out, terminated(key)...), terminated(value)...)
	}
	if !bytes.Equal(rest, []byte{0}) {
		return nil, &refusal{code: "08P01", message: "invalid startup packet layout: expected terminator as last byte"}
	}
	if !changed {
		return packet, nil
	}
	out = append(out, 0)
	binary.BigEndian.PutUint32(out, uint32(len(out)))
	return out, nil
}

// parameter is the value of a start-up parameter, or empty.
func parameter(packet []byte, key string) string {
	for rest := packet[8:]; len(rest) > 0 && rest[0] != 0; {
		name, behind, ok := cut(rest)
		value, next, okValue := cut(behind)
		if !ok || !okValue {
			break
		}
		if name == key {
			return value
		}
		rest = next
	}
	return ""
}

// isOff says that a boolean parameter is certainly off.
func isOff(value string) bool {
	switch strings.ToLower(value) {
	case "false", "off", "no", "0":
		return true
	}
	return false
}

// cancel hands a request to cancel a statement to the backend, whose own key it
// holds, and waits until the backend has taken it.
func (s *Server) cancel(ctx context.Context, packet []byte) error {
	backend, err := s.config.Dial(ctx)
	if err != nil {
		return fmt.Errorf("cancel: %w", err)
	}
	defer func() { _ = backend.Close() }()
	unhook := context.AfterFunc(ctx, func() { _ = backend.SetDeadline(time.Now()) })
	defer unhook()
	if _, err := backend.Write(packet); err != nil {
		return fmt.Errorf("cancel: %w", err)
	}
	_, _ = io.Copy(io.Discard, backend) // the backend answers nothing, and closes
	return nil
}
