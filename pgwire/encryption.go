package pgwire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
)

// alpn is the protocol that TLS is to agree on. Where TLS is the first thing on
// a connection it must, so that a client of another protocol cannot be made to
// speak here.
const alpn = "postgresql"

// handshakeRecord is the first byte of TLS, which no first packet begins with,
// since that would be too long.
const handshakeRecord = 0x16

var errALPN = errors.New("direct TLS without the protocol's name")

// encrypt takes the client's TLS handshake. Bytes that were read already are
// in front.
func (s *Server) encrypt(ctx context.Context, client net.Conn, direct bool, front ...byte) (net.Conn, error) {
	if len(front) > 0 {
		client = &unread{Conn: client, front: front}
	}
	encrypted := tls.Server(client, &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{alpn},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.config.Certificate() },
		// A ticket would outlive a change of the certificate.
		SessionTicketsDisabled: true,
	})
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	if direct && encrypted.ConnectionState().NegotiatedProtocol != alpn {
		return nil, errALPN
	}
	return encrypted, nil
}

// unread is a connection of which some bytes were read already.
type unread struct {
	net.Conn
	front []byte
}

// Read gives what was read first.
func (u *unread) Read(p []byte) (int, error) {
	if len(u.front) == 0 {
		return u.Conn.Read(p)
	}
	n := copy(p, u.front)
	u.front = u.front[n:]
	return n, nil
}

// CloseWrite ends the half of the connection that we write.
func (u *unread) CloseWrite() error {
	if half, ok := u.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return u.Close()
}

// isEncrypted says that a connection is TLS.
func isEncrypted(conn net.Conn) bool {
	_, ok := conn.(*tls.Conn)
	return ok
}

// bindingFails says that both legs are encrypted with different certificates.
// Then SCRAM with channel binding, by which a client makes sure that nobody
// stands between it and the server, finds us standing there.
func (s *session) bindingFails() bool {
	backend, ok := s.backend.(*tls.Conn)
	if !ok || !isEncrypted(s.client) {
		return false
	}
	own, err := s.server.config.Certificate()
	if err != nil {
		return false
	}
	return !SameCertificate(own, backend.ConnectionState().PeerCertificates)
}

// SameCertificate says that a server's certificate is the given one.
func SameCertificate(own *tls.Certificate, theirs []*x509.Certificate) bool {
	return len(own.Certificate) > 0 && len(theirs) > 0 && string(own.Certificate[0]) == string(theirs[0].Raw)
}
