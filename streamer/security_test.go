package streamer

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"metadb/catalog/secret"
	"metadb/testsql/broker"
	"metadb/testsql/certs"
)

// secrets makes the directory of secrets, with the given files in it.
func (b *bed) secrets(files map[string]string) (dir string) {
	b.Helper()
	dir = b.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	b.opt.Secrets = secret.NewStore(dir)
	return dir
}

// create creates a source with exactly these options, and a group of its name.
func (b *bed) create(name string, options ...string) {
	b.Helper()
	b.exec("CALL metadb.create_data_source($1, 'kafka', $2)", name, append(options, "consumer_group", name))
}

// waitReason waits for the reason of a source in a state.
func (b *bed) waitReason(name, state, reason string) {
	b.Helper()
	b.waitFor(name+" "+state+" true", "SELECT coalesce((SELECT concat_ws(' ', name, source_stream, (strpos(reason, $2) > 0)::text) FROM metadb.status WHERE name = $1), '')", name, reason)
}

// listener starts one more broker.
func (b *bed) listener(opts ...kfake.Opt) *broker.Broker {
	b.Helper()
	k, err := broker.Start(b.Context(), 0, "", opts...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(k.Close)
	return k
}

// produceTo produces records at another broker than the bed's.
func (b *bed) produceTo(k *broker.Broker, client []kgo.Opt, records ...*kgo.Record) {
	b.Helper()
	other := &bed{TB: b.TB, kafka: k, client: client}
	other.produce(records...)
}

// tlsTo are the settings of a listener with TLS; with clients not nil it demands
// certificates of that authority.
func tlsTo(t testing.TB, server certs.Pair, clients *certs.Authority) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{server.TLS(t)}}
	if clients != nil {
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, clients.Pool()
	}
	return config
}

const (
	user     = "app"
	password = "pass word'\\"
)

// users are one user for each mechanism that the test's broker has.
func users() []kfake.Opt {
	return []kfake.Opt{
		kfake.EnableSASL(), kfake.Superuser("PLAIN", user, password),
		kfake.Superuser("SCRAM-SHA-256", user, password), kfake.Superuser("SCRAM-SHA-512", user, password),
	}
}

// TestSecureListeners streams from a listener of each kind with the right settings,
// and sees of wrong ones what is said of them.
func TestSecureListeners(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	ours, others := certs.New(t, "ours"), certs.New(t, "others")
	server := ours.Issue("broker", "127.0.0.1")
	client, stranger := ours.Issue("client"), others.Issue("stranger")
	b.secrets(map[string]string{
		"ca.pem": string(ours.PEM), "others.pem": string(others.PEM), "empty.pem": "nothing", "password": password + "\n",
		"client.pem": string(client.Cert), "client.key": string(client.Key),
		"stranger.pem": string(stranger.Cert), "stranger.key": string(stranger.Key),
	})
	trust := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: ours.Pool(), Certificates: []tls.Certificate{client.TLS(t)}}
	clear := b.kafka
	encrypted := b.listener(kfake.TLS(tlsTo(t, server, nil)))
	mutual := b.listener(kfake.TLS(tlsTo(t, server, ours)))
	named := b.listener(kfake.TLS(tlsTo(t, ours.Issue("broker", "elsewhere.example"), nil)))
	expired := b.listener(kfake.TLS(tlsTo(t, ours.Expired("broker", "127.0.0.1"), nil)))
	asking := b.listener(users()...)
	both := b.listener(append(users(), kfake.TLS(tlsTo(t, server, nil)))...)
	b.start()

	right := []struct {
		name    string
		kafka   *broker.Broker
		client  []kgo.Opt
		options []string
	}{
		{"clear", clear, nil, []string{"security", "plaintext"}},
		{"encrypted", encrypted, []kgo.Opt{kgo.DialTLSConfig(trust)}, []string{"ca_file", "ca.pem"}},
		{"mutual", mutual, []kgo.Opt{kgo.DialTLSConfig(trust)},
			[]string{"security", "ssl", "ca_file", "ca.pem", "cert_file", "client.pem", "key_file", "client.key"}},
		{"plain", asking, []kgo.Opt{kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism())},
			[]string{"security", "sasl_plaintext", "sasl_mechanism", "PLAIN", "sasl_username", user, "sasl_password", password}},
		{"scram256", asking, []kgo.Opt{kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha256Mechanism())},
			[]string{"security", "sasl_plaintext", "sasl_mechanism", "SCRAM-SHA-256", "sasl_username", user, "sasl_password", "file:password"}},
		{"scram512", both, []kgo.Opt{kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha512Mechanism()), kgo.DialTLSConfig(trust)},
			[]string{"security", "SASL_SSL", "sasl_mechanism", "scram_sha_512", "sasl_username", user, "sasl_password", "file:password", "ca_file", "ca.pem"}},
	}
	for _, r := range right {
		b.produceTo(r.kafka, r.client, event(r.name, "c", 1, "{}", 1_700_000_000_000))
		b.create(r.name, append(r.options, "brokers", r.kafka.Addr(), "topics", `^m\.lib\.`+r.name+"$")...)
	}

	wrong := []struct {
		name, reason string
		kafka        *broker.Broker
		options      []string
	}{
		{"no_ca", hintAuthority, encrypted, nil},
		{"other_ca", hintAuthority, encrypted, []string{"ca_file", "others.pem"}},
		{"empty_ca", "holds no certificate", encrypted, []string{"ca_file", "empty.pem"}},
		{"missing_ca", "no such file", encrypted, []string{"ca_file", "none.pem"}},
		{"leaving_ca", "relative to the directory of secrets", encrypted, []string{"ca_file", "../ca.pem"}},
		{"host", hintHost, named, []string{"ca_file", "ca.pem"}},
		{"expired", hintDates, expired, []string{"ca_file", "ca.pem"}},
		{"no_cert", hintClientCert, mutual, []string{"ca_file", "ca.pem"}},
		{"other_cert", hintClientCert, mutual, []string{"ca_file", "ca.pem", "cert_file", "stranger.pem", "key_file", "stranger.key"}},
		{"other_key", "cert_file and key_file", mutual, []string{"ca_file", "ca.pem", "cert_file", "client.pem", "key_file", "stranger.key"}},
		{"no_key", "only one is set", mutual, []string{"ca_file", "ca.pem", "cert_file", "client.pem"}},
		{"clear_to_tls", hintNeedsTLS, encrypted, []string{"security", "plaintext"}},
		{"no_sasl", hintNeedsSASL, asking, []string{"security", "plaintext"}},
		{"password", hintPassword, asking, []string{"security", "sasl_plaintext", "sasl_mechanism", "PLAIN", "sasl_username", user, "sasl_password", "wrong"}},
		{"salted", hintPassword, asking, []string{"security", "sasl_plaintext", "sasl_mechanism", "SCRAM-SHA-256", "sasl_username", user, "sasl_password", "wrong"}},
		{"user", hintPassword, both, []string{"security", "sasl_ssl", "ca_file", "ca.pem", "sasl_mechanism", "SCRAM-SHA-512", "sasl_username", "wrong", "sasl_password", "file:password"}},
		{"mechanism", hintMechanism, asking, []string{"security", "sasl_plaintext", "sasl_mechanism", "OAUTHBEARER", "sasl_oauthbearer_token", "t"}},
		{"variable", "METADB_SECRET_", asking, []string{"security", "sasl_plaintext", "sasl_mechanism", "PLAIN", "sasl_username", user, "sasl_password", "env:PATH"}},
		{"no_mechanism", "sasl_mechanism is not set", asking, []string{"security", "sasl_plaintext"}},
		{"bad_mechanism", "valid values are: PLAIN", asking, []string{"security", "sasl_plaintext", "sasl_mechanism", "GUESS"}},
		{"no_password", "needs the options", asking, []string{"security", "sasl_plaintext", "sasl_mechanism", "PLAIN", "sasl_username", user}},
		{"misfit", "do not fit security", asking, []string{"security", "plaintext", "sasl_mechanism", "PLAIN"}},
		{"no_security", "valid values are: ssl", asking, []string{"security", "sasl"}},
	}
	for _, w := range wrong {
		b.create(w.name, append(w.options, "brokers", w.kafka.Addr(), "topics", `^m\.`)...)
	}
	for _, w := range wrong {
		b.waitReason(w.name, "error", w.reason)
	}
	for _, r := range right {
		b.waitFor("1", "SELECT count(*)::text FROM lib."+r.name)
	}
}
