package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// sealPrefix begins a secret that is sealed.
const sealPrefix = "sealed:"

// Sealer encrypts secrets before they become a part of SQL: PostgreSQL writes the
// text of statements into its log, and shows it in its views. The catalog keeps them
// sealed. It keeps the key as well, so that a copy of the database is complete.
type Sealer struct{ aead cipher.AEAD }

// NewSealer makes a Sealer of a key of 32 bytes.
func NewSealer(key []byte) (*Sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("key of sealed secrets: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("key of sealed secrets: %w", err)
	}
	return &Sealer{aead}, nil
}

// Seal encrypts a secret. What refers to one, and nothing, stays as it is.
func (s *Sealer) Seal(secret string) string {
	if secret == "" || Reference(secret).outside() {
		return secret
	}
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(secret)+s.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return sealPrefix + base64.RawStdEncoding.EncodeToString(s.aead.Seal(nonce, nonce, []byte(secret), nil))
}

// open decrypts what Seal made.
func (s *Sealer) open(sealed string) (string, error) {
	if s == nil {
		return "", errors.New("the secret is sealed, and there is no key")
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimPrefix(sealed, sealPrefix))
	if err == nil && len(raw) < s.aead.NonceSize() {
		err = errors.New("too short")
	}
	if err == nil {
		n := s.aead.NonceSize()
		raw, err = s.aead.Open(nil, raw[:n], raw[n:], nil)
	}
	if err != nil {
		return "", errors.New("the secret is sealed with another key, or damaged; set it again")
	}
	return string(raw), nil
}
