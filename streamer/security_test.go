package streamer

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
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

// logText collects the lines of a log.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds a line.
func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// count is how often a text stands in the log.
func (l *logText) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// logged makes the bed's server write to a log that can be read.
func (b *bed) logged() *logText {
	l := &logText{}
	b.opt.Log = slog.New(slog.NewTextHandler(io.MultiWriter(l, b.Output()), &slog.HandlerOptions{Level: slog.LevelDebug}))
	return l
}

// TestSecretsAreReadAnew changes a password while the server runs.
func TestSecretsAreReadAnew(t *testing.T) {
	t.Parallel()
	b := newBed(t, users()...)
	b.client = []kgo.Opt{kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism())}
	dir := b.secrets(map[string]string{"password": "of last year"})
	b.opt.refusedPause = 50 * time.Millisecond
	b.produce(event("item", "c", 1, "{}", 1_700_000_000_000))
	b.start()
	b.create("s", "brokers", b.kafka.Addr(), "topics", `^m\.`, "security", "sasl_plaintext", "sasl_mechanism", "SCRAM-SHA-512",
		"sasl_username", user, "sasl_password", "file:password")
	b.waitReason("s", "error", hintPassword)
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte(password), 0o600); err != nil {
		t.Fatal(err)
	}
	b.waitFor("1", "SELECT count(*)::text FROM lib.item")
	b.waitReason("s", "active", "")
}

// TestWrongPasswordIsNotHurried counts how often a broker is asked with a wrong
// password, while other statements change the catalog: accounts get locked.
func TestWrongPasswordIsNotHurried(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	const pause = 400 * time.Millisecond
	b.opt.refusedPause = pause
	asked := make(chan time.Time, 1000)
	b.kafka.Control(int16(kmsg.SASLHandshake), func(r kmsg.Request) (kmsg.Response, bool) {
		return r.ResponseKind(), true
	})
	b.kafka.Control(int16(kmsg.SASLAuthenticate), func(r kmsg.Request) (kmsg.Response, bool) {
		asked <- time.Now()
		resp := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
		return resp, true
	})
	b.start()
	// The same broker under two names: the second must not be asked either.
	twice := b.kafka.Addr() + "," + strings.Replace(b.kafka.Addr(), "127.0.0.1", "localhost", 1)
	b.create("s", "brokers", twice, "topics", "x", "security", "sasl_plaintext", "sasl_mechanism", "PLAIN", "sasl_username", user, "sasl_password", "wrong")
	last := <-asked
	for i := range 6 {
		b.exec("CALL metadb.create_data_origin($1)", fmt.Sprint("o", i)) // restarts nothing that was refused
		b.exec("CALL metadb.touch()")
		at := <-asked
		if early := pause - at.Sub(last); early > 0 {
			t.Errorf("asked again %v early", early)
		}
		last = at
	}
	b.waitReason("s", "error", "SASL_AUTHENTICATION_FAILED")
	b.waitReason("s", "error", hintPassword)
}

// TestBearer signs in with tokens: one from a file, and one that an endpoint gives.
func TestBearer(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.opt.refusedPause = 50 * time.Millisecond
	dir := b.secrets(map[string]string{"token": "token-of-old\n", "client": "client secret"})
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, key, _ := r.BasicAuth()
		if id != "metadb" || key != url.QueryEscape("client secret") || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "kafka" {
			http.Error(w, `{"error":"invalid_client","error_description":"`+key+`"}`, http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"token-of-today","token_type":"Bearer","expires_in":3600}`)
	}))
	t.Cleanup(endpoint.Close)
	b.kafka.Control(int16(kmsg.SASLHandshake), func(r kmsg.Request) (kmsg.Response, bool) {
		return r.ResponseKind(), true
	})
	b.kafka.Control(int16(kmsg.SASLAuthenticate), func(r kmsg.Request) (kmsg.Response, bool) {
		resp := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		if !bytes.Contains(r.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes, []byte("auth=Bearer token-of-today\x01")) {
			resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
		}
		return resp, true
	})
	b.produce(event("file", "c", 1, "{}", 1_700_000_000_000), event("endpoint", "c", 1, "{}", 1_700_000_000_000))
	b.start()
	bearer := func(name string, options ...string) {
		b.create(name, append(options, "brokers", b.kafka.Addr(), "topics", `^m\.lib\.`+name, "security", "sasl_plaintext", "sasl_mechanism", oauthBearer)...)
	}
	bearer("file", "sasl_oauthbearer_token", "file:token")
	bearer("endpoint", "sasl_oauthbearer_token_endpoint_url", endpoint.URL, "sasl_oauthbearer_client_id", "metadb",
		"sasl_oauthbearer_client_secret", "file:client", "sasl_oauthbearer_scope", "kafka")
	bearer("stranger", "sasl_oauthbearer_token_endpoint_url", endpoint.URL, "sasl_oauthbearer_client_id", "metadb",
		"sasl_oauthbearer_client_secret", "WRONG", "sasl_oauthbearer_scope", "kafka")
	bearer("open", "sasl_oauthbearer_token_endpoint_url", "http://tokens.example/", "sasl_oauthbearer_client_id", "metadb",
		"sasl_oauthbearer_client_secret", "s")
	b.waitReason("file", "error", hintToken)
	b.waitReason("stranger", "error", "refused the client: HTTP status 401")
	b.waitReason("open", "error", "without TLS")
	b.waitFor("1", "SELECT count(*)::text FROM lib.endpoint")
	if got := b.text("SELECT count(*)::text FROM metadb.status WHERE reason LIKE '%WRONG%'"); got != "0" {
		t.Error("the endpoint's answer, which holds the secret, shows in the status")
	}
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("token-of-today\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.waitFor("1", "SELECT count(*)::text FROM lib.file")
}

// rights are those of a user who may see all topics and read some.
func rights(readable ...string) []kfake.ACL {
	acls := []kfake.ACL{{Resource: kmsg.ACLResourceTypeTopic, Name: "m.", Pattern: kmsg.ACLResourcePatternTypePrefixed, Operation: kmsg.ACLOperationDescribe, Allow: true}}
	for _, topic := range readable {
		acls = append(acls, kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: topic, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationRead, Allow: true})
	}
	return acls
}

// guarded is a bed whose broker checks rights: of user app, and of an admin who
// has all.
func guarded(t *testing.T, acls ...kfake.ACL) *bed {
	t.Helper()
	b := newBed(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "admin", "a"), kfake.User("PLAIN", user, password, acls...))
	b.client = []kgo.Opt{kgo.SASL(plain.Auth{User: "admin", Pass: "a"}.AsMechanism())}
	return b
}

// app are the options of a source that signs in as user app.
func (b *bed) app(topics string) []string {
	return []string{"brokers", b.kafka.Addr(), "topics", topics, "security", "sasl_plaintext", "sasl_mechanism", "PLAIN",
		"sasl_username", user, "sasl_password", password}
}

var groupRight = kfake.ACL{Resource: kmsg.ACLResourceTypeGroup, Name: "s", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationRead, Allow: true}

// TestTopicWithoutReadRight reads what may be read, and says once what may not.
func TestTopicWithoutReadRight(t *testing.T) {
	t.Parallel()
	b := guarded(t, append(rights("m.lib.item"), groupRight)...)
	log := b.logged()
	b.opt.deniedPause = 100 * time.Millisecond
	b.produce(event("item", "c", 1, "{}", 1_700_000_000_000), event("hidden", "c", 1, "{}", 1_700_000_000_000))
	b.start()
	b.create("s", b.app(`^m\.`)...)
	b.waitFor("1", "SELECT count(*)::text FROM lib.item")
	b.waitReason("s", "active", "no right to read topic m.lib.hidden; tried again every 100ms (hint: "+hintTopicRight)
	for id := 2; id < 6; id++ {
		b.produce(event("item", "c", id, "{}", 1_700_000_000_000))
		b.waitFor(fmt.Sprint(id), "SELECT count(*)::text FROM lib.item")
	}
	b.allow("m.lib.hidden")
	b.waitFor("1", "SELECT count(*)::text FROM lib.hidden")
	b.waitFor("", "SELECT reason FROM metadb.status")
	if n := log.count("topic cannot be read"); n != 1 {
		t.Errorf("said %d times", n)
	}
	if n := log.count("stream interrupted"); n != 0 {
		t.Errorf("the other topics were interrupted %d times", n)
	}
}

// allow grants user app Read on a topic.
func (b *bed) allow(topic string) {
	b.Helper()
	client, err := kgo.NewClient(append(b.client, kgo.SeedBrokers(b.kafka.Addr()))...)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	grant := kadm.NewACLs().Allow("User:" + user).AllowHosts().Topics(topic).Operations(kadm.OpRead).ResourcePatternType(kadm.ACLPatternLiteral)
	results, err := kadm.NewClient(client).CreateACLs(b.Context(), grant)
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			b.Fatal(r.Err)
		}
	}
}

// TestMissingRights says what is missing where a broker says little or nothing.
func TestMissingRights(t *testing.T) {
	t.Parallel()
	b := guarded(t, rights("m.lib.item")...)
	b.produce(event("item", "c", 1, "{}", 1_700_000_000_000))
	b.exec("CALL metadb.create_data_source('g', 'kafka', $1)", append(b.app(`^m\.`), "consumer_group", "other"))
	b.exec("CALL metadb.create_data_source('t', 'kafka', $1)", append(b.app(`^n\.,x`), "consumer_group", "s"))
	log := b.logged()
	b.start()
	b.waitReason("g", "error", hintGroupRight)
	b.waitReason("t", "waiting", hintNoTopic)
	if n := log.count(`msg="no topic matches" source=t topics=^n\.,x`); n == 0 {
		t.Error("the log does not name the entries that match nothing")
	}
}

// TestNoTopicMatches says so, and reads the topic once it is there.
func TestNoTopicMatches(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.start()
	b.source(`^m\.`)
	b.waitReason("s", "waiting", "no topic matches the option topics (hint: "+hintNoTopic)
	b.produce(event("item", "c", 1, "{}", 1_700_000_000_000))
	b.waitFor("1", "SELECT count(*)::text FROM lib.item")
	b.waitReason("s", "active", "")
}
