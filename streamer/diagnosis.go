package streamer

import (
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// diagnosed is an error with what an operator should do about it.
type diagnosed struct {
	cause error
	hint  string
	// passing errors may end by themselves. Those of settings and rights do not:
	// trying again helps only when somebody has changed something.
	passing bool
}

// Error is the cause with the hint, as LIST STATUS shows it.
func (d *diagnosed) Error() string {
	if d.hint == "" {
		return d.cause.Error()
	}
	return d.cause.Error() + " (hint: " + d.hint + ")"
}

// Unwrap returns the cause.
func (d *diagnosed) Unwrap() error { return d.cause }

// wrongSetting is an error that we found ourselves.
func wrongSetting(message, hint string) error {
	return &diagnosed{cause: errors.New(message), hint: hint}
}

// Hints for what brokers and TLS say.
const (
	hintAuthority   = "set ca_file to the certificate of the authority that signed the brokers' certificates"
	hintHost        = "the brokers' certificates name other hosts than the option brokers or their advertised listeners"
	hintDates       = "look at the dates in the brokers' certificates and at this machine's clock"
	hintClientCert  = "the brokers do not take our certificate, or ask for one: set cert_file and key_file"
	hintNeedsTLS    = "the port speaks TLS: set security 'ssl' or 'sasl_ssl'"
	hintNoTLS       = "the port does not speak TLS: set security 'plaintext' or 'sasl_plaintext'"
	hintNeedsSASL   = "the port may want SASL, or another protocol: set security 'sasl_ssl' or 'sasl_plaintext', and sasl_mechanism"
	hintNoSASL      = "the port has no SASL: set security 'ssl' or 'plaintext'"
	hintPassword    = "the brokers do not accept user and password: check sasl_username, sasl_password and sasl_mechanism"
	hintMechanism   = "the brokers do not have this mechanism: set another sasl_mechanism"
	hintToken       = "the brokers do not accept the token: check its life, scope and audience, and the clocks"
	hintGroupRight  = "grant the user Read on the consumer group"
	hintTopicRight  = "grant the user Describe and Read on the topic"
	hintNoTopic     = "create the topics, correct the option, or grant the user Describe on them"
	hintUnreachable = "check the option brokers, the brokers' advertised listeners, and the network"
)

// diagnose finds out whether an error comes of wrong settings or missing rights,
// and what is to be done. Other errors are returned as they are.
func (a *access) diagnose(err error) error {
	var known *diagnosed
	if err == nil || errors.As(err, &known) {
		return err
	}
	if hint := a.hint(err); hint != "" {
		return &diagnosed{cause: err, hint: hint}
	}
	var name *net.DNSError
	if errors.As(err, &name) || errors.Is(err, syscall.ECONNREFUSED) {
		return &diagnosed{cause: err, hint: hintUnreachable, passing: true}
	}
	return err
}

// lasting says that an error stays until somebody changes something.
func lasting(err error) bool {
	var known *diagnosed
	return errors.As(err, &known) && !known.passing
}

// refusal says that the brokers did not accept who we say we are.
func refusal(err error) bool {
	var known *diagnosed
	return errors.As(err, &known) && (known.hint == hintPassword || known.hint == hintToken)
}

func (a *access) hint(err error) string {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &authority):
		return hintAuthority
	case errors.As(err, &host):
		return hintHost
	case errors.As(err, &invalid):
		return hintDates
	case errors.Is(err, kerr.SaslAuthenticationFailed) && a.security.Mechanism == oauthBearer:
		return hintToken
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return hintPassword
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return hintMechanism
	case errors.Is(err, kerr.IllegalSaslState):
		return hintNoSASL
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return hintGroupRight
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return hintTopicRight
	}
	return a.hintOfText(err)
}

// hintOfText is for errors that only their text tells.
func (a *access) hintOfText(err error) string {
	text := err.Error()
	var closed *kgo.ErrFirstReadEOF
	switch {
	case strings.Contains(text, "appear to be a tls alert"):
		return hintNeedsTLS
	case strings.Contains(text, "first record does not look like a TLS handshake"):
		return hintNoTLS
	case strings.Contains(text, "remote error: tls:"):
		return hintClientCert
	case strings.Contains(text, "unexpected data in oauth response"):
		return hintToken
	case errors.As(err, &closed) && strings.Contains(text, "after a dial"):
		return hintNoTLS
	case errors.As(err, &closed) && strings.Contains(text, "api versions"):
		return hintNeedsTLS
	case errors.As(err, &closed) && hasSASL(a.security):
		return hintPassword
	case errors.As(err, &closed):
		return hintNeedsSASL
	case hasSASL(a.security) && errors.Is(err, io.EOF):
		return hintPassword
	}
	return ""
}
