package pgtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"metadb/cmd/metadb/localpg"
)

// Certificate is a self-signed certificate for this machine, and its key.
type Certificate struct {
	CertFile, KeyFile string
	// Pair is what a server shows.
	Pair tls.Certificate
	// Roots are what a client verifies it with.
	Roots *x509.CertPool
}

// NewCertificate makes a certificate whose files live as long as the test.
func NewCertificate(t testing.TB) *Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := &Certificate{CertFile: filepath.Join(dir, "server.crt"), KeyFile: filepath.Join(dir, "server.key"), Roots: x509.NewCertPool()}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	if err := os.WriteFile(c.CertFile, public, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.KeyFile, private, 0o600); err != nil {
		t.Fatal(err)
	}
	if c.Pair, err = tls.X509KeyPair(public, private); err != nil {
		t.Fatal(err)
	}
	c.Roots.AppendCertsFromPEM(public)
	return c
}

// Show is the certificate as servers ask for it.
func (c *Certificate) Show() (*tls.Certificate, error) { return &c.Pair, nil }

// ServerTLS starts a private server that offers TLS with the certificate.
func ServerTLS(t testing.TB, c *Certificate) *localpg.Server {
	t.Helper()
	return private(t, localpg.Options{CertFile: c.CertFile, KeyFile: c.KeyFile})
}
