package pgwire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// maxAuth is the longest message of an authentication, as in PostgreSQL.
const maxAuth = 1 << 16

// Kinds of authentication requests.
const (
	authOK        = 0
	authCleartext = 3
	authMD5       = 5
	authSASL      = 10
	authContinue  = 11
	authFinal     = 12
)

// authenticate relays the backend's questions and the client's answers until the
// backend is satisfied. It keeps nothing of them.
//
// The backend sees every client come from this machine. A rule there that lets
// local clients in without a password would let in everyone, so what a client
// did not prove to the backend is refused here.
func (s *session) authenticate() error {
	proved := false
	for {
		kind, message, err := s.fromBackend.message(maxAuth)
		if err != nil {
			return fmt.Errorf("authentication: %w", err)
		}
		answer := false
		if kind == 'R' {
			if len(message) < headerLength+4 {
				return errLength
			}
			switch method := binary.BigEndian.Uint32(message[headerLength:]); method {
			case authOK:
				if !proved && (!s.server.config.AllowPasswordlessLocal || !isLocal(s.client)) {
					return errNotProved
				}
				if _, err := s.client.Write(message); err != nil {
					return fmt.Errorf("authentication: %w", err)
				}
				return nil
			case authCleartext:
				if !isLocal(s.client) && !isEncrypted(s.client) {
					return errCleartext
				}
				answer = true
			case authSASL:
				if isEncrypted(s.backend) && !isEncrypted(s.client) {
					message = withoutBinding(message)
				}
				answer = true
			case authMD5, authContinue:
				answer = true
			case authFinal:
			default:
				return errMethod
			}
		}
		if kind == 'E' && s.bindingFails() {
			message = explainBinding(message)
		}
		if _, err := s.client.Write(message); err != nil {
			return fmt.Errorf("authentication: %w", err)
		}
		if kind == 'E' {
			return errors.New("authentication: refused by the backend")
		}
		if !answer {
			continue
		}
		kind, message, err = s.fromClient.message(maxAuth)
		if err != nil {
			return fmt.Errorf("authentication: %w", err)
		}
		if kind != 'p' {
			return &refusal{code: "08P01", message: "expected a password response"}
		}
		if _, err := s.backend.Write(message); err != nil {
			return fmt.Errorf("authentication: %w", err)
		}
		proved = true
	}
}

// withoutBinding leaves the mechanisms with channel binding out of a list of
// SASL mechanisms. A client without TLS takes them for a sign of an attack.
func withoutBinding(message []byte) []byte {
	const method = headerLength + 4
	kept := [][]byte{message[headerLength:method]}
	for rest := message[method:]; len(rest) > 0 && rest[0] != 0; {
		mechanism, behind, ok := cut(rest)
		if !ok {
			return message
		}
		if rest = behind; !strings.HasSuffix(mechanism, "-PLUS") {
			kept = append(kept, terminated(mechanism))
		}
	}
	return newMessage('R', append(kept, []byte{0})...)
}

// explainBinding adds to an error of the backend's what to do about channel
// binding, if that may be the reason.
func explainBinding(message []byte) []byte {
	f, ok := parseFields(message[headerLength:])
	if !ok || f.get(codeField) != errNotProved.code || f.get(hintField) != "" {
		return message
	}
	return f.set(hintField, "Metadb and its PostgreSQL server show different certificates, so that channel binding fails. "+
		"Give both the same certificate and key, or connect with channel_binding=disable.").message()
}

var (
	errNotProved = &refusal{
		code:    "28000",
		message: "the database server asks for no password",
		hint: "Let pg_hba.conf of the PostgreSQL server ask for scram-sha-256 where Metadb connects from, " +
			"or allow passwordless local clients in Metadb's configuration.",
	}
	errCleartext = &refusal{
		code:    "28000",
		message: "the database server asks for the password in clear, which is not sent over an unencrypted connection",
		hint:    "Use scram-sha-256 in pg_hba.conf of the PostgreSQL server.",
	}
	errMethod = &refusal{
		code:    "28000",
		message: "the database server asks for a method of authentication that cannot be relayed",
		hint:    "Use scram-sha-256 in pg_hba.conf of the PostgreSQL server.",
	}
)
