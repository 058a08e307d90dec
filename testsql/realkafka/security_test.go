package realkafka

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/testsql/certs"
	"metadb/testsql/instance"
	"metadb/testsql/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// long leaves a test out of the ordinary run.
func long(t *testing.T) {
	t.Helper()
	if os.Getenv("METADB_TEST_LONG") == "" {
		t.Skip("a real Kafka; set METADB_TEST_LONG")
	}
}

// patience bounds a wait.
const patience = 2 * time.Minute

// serverOn starts the program on a database of its own.
func serverOn(t *testing.T) *instance.Instance {
	t.Helper()
	db := pgtest.Database(t)
	server := instance.New(t, instance.Warehouse{Host: db.Host, Port: db.Port, Database: db.Name, User: db.User, Password: db.Password})
	server.Start()
	return server
}

// token is an unsigned token, as the broker's listener for tests takes it.
func token(name string, expires time.Time) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(fmt.Appendf(nil, `{"sub":%q,"iat":%d,"exp":%d}`, name, expires.Add(-time.Hour).Unix(), expires.Unix())) + "."
}

// TestSecurity reads from each listener of a real broker with the right settings,
// and sees what is said of wrong ones.
func TestSecurity(t *testing.T) {
	t.Parallel()
	long(t)
	b := Start(t)
	admin := kadm.NewClient(b.Client(t))
	for _, topic := range []string{"m.open", "m.hidden", "m.unseen"} {
		if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
		// No event: it becomes a dead letter, which shows that it was read.
		if err := b.Client(t).ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("no event")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	grant(t, admin, kadm.NewACLs().Topics("m.open").Operations(kadm.OpRead))
	grant(t, admin, kadm.NewACLs().Topics("m.hidden").Operations(kadm.OpDescribe))
	grant(t, admin, kadm.NewACLs().Groups("limited", "blind").Operations(kadm.OpRead))

	server := serverOn(t)
	others := certs.New(t, "others")
	client, stranger := b.Authority.Issue("client"), others.Issue("stranger")
	for name, text := range map[string]string{
		"ca.pem": string(b.Authority.PEM), "others.pem": string(others.PEM), "password": Password + "\n", "wrong": "wrong",
		"client.pem": string(client.Cert), "client.key": string(client.Key), "stranger.pem": string(stranger.Cert), "stranger.key": string(stranger.Key),
		"token": token(User, time.Now().Add(time.Hour)), "expired": token(User, time.Now().Add(-time.Minute)),
	} {
		write(t, filepath.Join(server.Dir(), "secrets"), name, text)
	}
	const (
		ca    = "ca_file 'ca.pem'"
		plain = "sasl_mechanism 'PLAIN', sasl_username 'app', sasl_password "
		scram = "sasl_mechanism 'SCRAM-SHA-512', sasl_username 'app', sasl_password "
	)
	bearer := "security 'sasl_ssl', " + ca + ", sasl_mechanism 'OAUTHBEARER', sasl_oauthbearer_token "
	tests := []struct {
		name, addr, options string
		reason              string // "": the records arrive
	}{
		{"clear", b.Plaintext, "security 'plaintext'", ""},
		{"encrypted", b.TLS, ca, ""},
		{"mutual", b.Mutual, ca + ", cert_file 'client.pem', key_file 'client.key'", ""},
		{"plain", b.SASLPlaintext, "security 'sasl_plaintext', " + plain + "'file:password'", ""},
		{"scram256", b.SASLPlaintext, "security 'sasl_plaintext', " + strings.Replace(scram, "512", "256", 1) + "'file:password'", ""},
		{"scram512", b.SASLTLS, "security 'sasl_ssl', " + ca + ", " + scram + "'" + Password + "'", ""},
		{"bearer", b.Bearer, bearer + "'file:token'", ""},

		{"no_ca", b.TLS, "security 'ssl'", "set ca_file"},
		{"other_ca", b.TLS, "ca_file 'others.pem'", "set ca_file"},
		{"no_cert", b.Mutual, ca, "set cert_file"},
		{"other_cert", b.Mutual, ca + ", cert_file 'stranger.pem', key_file 'stranger.key'", "set cert_file"},
		{"clear_to_tls", b.TLS, "security 'plaintext'", "the port speaks TLS"},
		{"tls_to_clear", b.Plaintext, ca, "the port does not speak TLS"},
		{"no_sasl", b.SASLPlaintext, "security 'plaintext'", "the port may want SASL"},
		{"needless_sasl", b.Plaintext, "security 'sasl_plaintext', " + plain + "'file:password'", "the port has no SASL"},
		{"password", b.SASLPlaintext, "security 'sasl_plaintext', " + plain + "'file:wrong'", "do not accept user and password"},
		{"salted", b.SASLTLS, "security 'sasl_ssl', " + ca + ", " + scram + "'file:wrong'", "do not accept user and password"},
		{"mechanism", b.Bearer, "security 'sasl_ssl', " + ca + ", " + plain + "'file:password'", "set another sasl_mechanism"},
		{"expired", b.Bearer, bearer + "'file:expired'", "do not accept the token"},
	}
	for _, test := range tests {
		create(server, test.name, test.addr, test.options)
	}
	limited := "security 'sasl_plaintext', " + strings.Replace(plain, "'app'", "'limited'", 1) + "'file:password'"
	create(server, "limited", b.SASLPlaintext, limited)
	create(server, "groupless", b.SASLPlaintext, limited)
	server.PSQL(fmt.Sprintf("CREATE DATA SOURCE blind TYPE kafka OPTIONS (brokers '%s', topics '^m\\.unseen', consumer_group 'blind', %s);", b.SASLPlaintext, limited))
	for _, test := range tests {
		if test.reason != "" {
			says(server, test.name, "error", test.reason)
			continue
		}
		server.WaitFor(patience, "3", "SELECT dead_letters FROM metadb.status WHERE name = '"+test.name+"'")
	}
	says(server, "limited", "active", "no right to read topic m.hidden;")
	server.WaitFor(patience, "1", "SELECT dead_letters FROM metadb.status WHERE name = 'limited'")
	says(server, "groupless", "error", "grant the user Read on the consumer group")
	says(server, "blind", "waiting", "no topic matches the option topics")
	if n := strings.Count(server.Log(), "topic cannot be read"); n != 1 {
		t.Errorf("the log says %d times that a topic cannot be read", n)
	}
	if strings.Contains(server.Log(), Password) {
		t.Error("the log holds the password")
	}
}

// create creates a source of all topics that begin with m.
func create(server *instance.Instance, name, addr, options string) {
	server.PSQL(fmt.Sprintf("CREATE DATA SOURCE %s TYPE kafka OPTIONS (brokers '%s', topics '^m\\.', consumer_group '%[1]s', %[3]s);", name, addr, options))
}

// says waits until LIST status says something of a source.
func says(server *instance.Instance, name, state, reason string) {
	server.WaitFor(patience, name+" "+state+" true", fmt.Sprintf(
		"SELECT concat_ws(' ', name, source_stream, (strpos(reason, $$%s$$) > 0)::text) FROM metadb.status WHERE name = '%s'", reason, name))
}

// grant gives user Limited rights.
func grant(t *testing.T, admin *kadm.Client, acl *kadm.ACLBuilder) {
	t.Helper()
	results, err := admin.CreateACLs(t.Context(), acl.Allow("User:"+Limited).AllowHosts().ResourcePatternType(kadm.ACLPatternLiteral))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}
