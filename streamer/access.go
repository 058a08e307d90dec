package streamer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"metadb/catalog"
	"metadb/catalog/secret"
)

// dialTimeout bounds a connection to a broker, its handshake included.
const dialTimeout = 10 * time.Second

// access is how one run reaches the brokers of its source. Files and secrets are
// read anew for each connection.
type access struct {
	brokers  []string
	security catalog.Security
	secrets  secret.Store
	bearer   *bearer
	gate     *gate

	// mu guards refused.
	mu      sync.Mutex
	refused error // the brokers did not accept us; this run does not ask again
}

func newAccess(s catalog.Source, secrets secret.Store) (*access, error) {
	s.Protocol = strings.ToLower(s.Protocol)
	s.Mechanism = strings.ToUpper(strings.ReplaceAll(s.Mechanism, "_", "-"))
	a := &access{brokers: splitList(s.Brokers), security: s.Security, secrets: secrets, gate: newGate()}
	if len(a.brokers) == 0 {
		return nil, wrongSetting("option brokers is not set", "")
	}
	if err := checkSecurity(a.security); err != nil {
		return nil, err
	}
	a.bearer = &bearer{access: a}
	return a, nil
}

// options are the client's part of the settings.
func (a *access) options() []kgo.Opt {
	options := []kgo.Opt{kgo.SeedBrokers(a.brokers...), kgo.ClientID("metadb"), kgo.Dialer(a.dial), kgo.WithHooks(a)}
	if m := a.mechanism(); m != nil {
		options = append(options, kgo.SASL(gated{m, a}))
	}
	return options
}

// dial connects to a broker. A connection that is to sign in waits for its turn.
func (a *access) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := a.reach(ctx, network, addr)
	if err != nil || !hasSASL(a.security) {
		return conn, err
	}
	return a.gate.enter(ctx, conn)
}

// reach connects, with TLS where the protocol has it.
func (a *access) reach(ctx context.Context, network, addr string) (net.Conn, error) {
	if !hasTLS(a.security) {
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	config, err := a.tlsConfig()
	if err != nil {
		return nil, err
	}
	return (&tls.Dialer{Config: config}).DialContext(ctx, network, addr) // sets ServerName
}

// tlsConfig reads the certificates.
func (a *access) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if name := a.security.CAFile; name != "" {
		pem, err := a.file("ca_file", name)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, wrongSetting(fmt.Sprintf("option ca_file: file %q holds no certificate in PEM form", name), "")
		}
	}
	if a.security.CertFile == "" {
		return config, nil
	}
	cert, err := a.file("cert_file", a.security.CertFile)
	if err != nil {
		return nil, err
	}
	key, err := a.file("key_file", a.security.KeyFile)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, wrongSetting("options cert_file and key_file: "+err.Error(),
			"both are PEM files, the key is not encrypted and belongs to the first certificate")
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

func (a *access) file(option, name string) ([]byte, error) {
	pem, err := a.secrets.File(name)
	if err != nil {
		return nil, wrongSetting("option "+option+": "+err.Error(), "secrets_directory of metadb.conf is DATADIR/secrets unless set")
	}
	return pem, nil
}

// secret reads the value of an option that may be a reference.
func (a *access) secret(option string, r secret.Reference) (string, error) {
	value, err := a.secrets.Resolve(r)
	switch {
	case err != nil:
		return "", wrongSetting("option "+option+": "+err.Error(), "")
	case value == "":
		return "", wrongSetting("option "+option+": the secret is empty", "")
	}
	return value, nil
}

// user reads name and password.
func (a *access) user() (name, password string, err error) {
	if name, err = a.secret("sasl_username", secret.Reference(a.security.Username)); err != nil {
		return "", "", err
	}
	password, err = a.secret("sasl_password", a.security.Password)
	return name, password, err
}

// mechanism is SASL's part of the settings; nil without SASL.
func (a *access) mechanism() sasl.Mechanism {
	if !hasSASL(a.security) {
		return nil
	}
	salted := func(context.Context) (scram.Auth, error) {
		name, password, err := a.user()
		return scram.Auth{User: name, Pass: password}, err
	}
	switch a.security.Mechanism {
	case "SCRAM-SHA-256":
		return scram.Sha256(salted)
	case "SCRAM-SHA-512":
		return scram.Sha512(salted)
	case oauthBearer:
		return oauth.Oauth(a.bearer.auth)
	}
	return plain.Plain(func(context.Context) (plain.Auth, error) {
		name, password, err := a.user()
		return plain.Auth{User: name, Pass: password}, err
	})
}

// refuse notes that the brokers do not accept us as we are: tried again and
// again, a wrong password would lock the account.
func (a *access) refuse(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refused == nil {
		a.refused = err
	}
}

// known says that an error is the refusal itself, which the gate gave again.
func (a *access) known(err error) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return err != nil && a.refused != nil && errors.Is(err, a.refused)
}

// gated is a mechanism that begins no session once the brokers refused us.
type gated struct {
	sasl.Mechanism
	access *access
}

// Authenticate begins a session, for one connection.
func (g gated) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	g.access.mu.Lock()
	err := g.access.refused
	g.access.mu.Unlock()
	if err != nil {
		return nil, nil, err
	}
	g.access.gate.asks()
	return g.Mechanism.Authenticate(ctx, host)
}
