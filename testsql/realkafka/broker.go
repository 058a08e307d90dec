package realkafka

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/testsql/certs"
)

// User and Password are those of the user who may do everything, on every listener
// with SASL; Limited has the same password and the rights that a test grants.
const (
	User     = "app"
	Limited  = "limited"
	Password = "a-good-password"
)

// Broker is a broker with a listener of each kind.  Each address is of one of them.
type Broker struct {
	Plaintext     string // everybody may do everything
	TLS           string // the same, encrypted
	Mutual        string // asks for a certificate of Authority
	SASLPlaintext string // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512
	SASLTLS       string // the same, encrypted
	Bearer        string // OAUTHBEARER over TLS; takes unsigned tokens
	// Authority has signed the broker's certificate, which is for 127.0.0.1.
	Authority *certs.Authority

	libraries string
	dir       string
}

// listeners are the kinds, in the order of their ports.
var listeners = []struct{ name, protocol string }{
	{"CLEAR", "PLAINTEXT"}, {"ENCRYPTED", "SSL"}, {"MUTUAL", "SSL"}, {"ASKING", "SASL_PLAINTEXT"}, {"BOTH", "SASL_SSL"}, {"BEARER", "SASL_SSL"},
}

// Start runs a broker until the test ends.
func Start(t testing.TB) *Broker {
	t.Helper()
	b := &Broker{Authority: certs.New(t, "authority of the test"), libraries: packages(t, kafka), dir: t.TempDir()}
	write(t, b.dir, "log4j.properties", quietLog)
	free := ports(t, len(listeners)+1)
	for i, addr := range []*string{&b.Plaintext, &b.TLS, &b.Mutual, &b.SASLPlaintext, &b.SASLTLS, &b.Bearer} {
		*addr = "127.0.0.1:" + free[i]
	}
	config := write(t, b.dir, "server.properties", b.properties(t, free))
	id := run(t, arguments(b.dir, "256m", b.libraries, "kafka.tools.StorageTool", "random-uuid"))
	format := []string{"format", "-t", id[strings.LastIndex(id, "\n")+1:], "-c", config}
	for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
		format = append(format, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, User, Password))
	}
	run(t, arguments(b.dir, "256m", b.libraries, "kafka.tools.StorageTool", format...))
	p := launch(t, arguments(b.dir, "768m", b.libraries, "kafka.Kafka", config))
	client := b.Client(t)
	await(t, "start of Kafka", p, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, startTime/10)
		defer cancel()
		return client.Ping(ctx)
	})
	return b
}

// Client is a client for the listener on which everything is allowed.
func (b *Broker) Client(t testing.TB, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(b.Plaintext), kgo.ProducerBatchMaxBytes(16<<20))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// properties is the broker's configuration.
func (b *Broker) properties(t testing.TB, free []string) string {
	pair := b.Authority.Issue("broker", "127.0.0.1", "localhost")
	keys := write(t, b.dir, "keys.pem", string(pair.Key)+string(pair.Cert)+string(b.Authority.PEM))
	trust := write(t, b.dir, "trust.pem", string(b.Authority.PEM))
	var bound, advertised, protocols []string
	for i, l := range listeners {
		bound = append(bound, l.name+"://127.0.0.1:"+free[i])
		protocols = append(protocols, l.name+":"+l.protocol)
	}
	advertised = append(advertised, bound...)
	controller := free[len(listeners)]
	bound = append(bound, "CONTROLLER://127.0.0.1:"+controller)
	protocols = append(protocols, "CONTROLLER:PLAINTEXT")
	text := fmt.Sprintf(`process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:%s
listeners=%s
advertised.listeners=%s
listener.security.protocol.map=%s
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLEAR
log.dirs=%s/data
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
message.max.bytes=20971520
replica.fetch.max.bytes=20971520
log.retention.hours=-1
log.cleaner.enable=false
ssl.keystore.type=PEM
ssl.keystore.location=%s
ssl.truststore.type=PEM
ssl.truststore.location=%s
listener.name.mutual.ssl.client.auth=required
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:CN=client;User:%s
listener.name.bearer.sasl.enabled.mechanisms=OAUTHBEARER
listener.name.bearer.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;
`, controller, strings.Join(bound, ","), strings.Join(advertised, ","), strings.Join(protocols, ","), b.dir, keys, trust, User)
	for _, name := range []string{"asking", "both"} {
		text += fmt.Sprintf(`listener.name.%[1]s.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.%[1]s.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_%[2]s="%[4]s" user_%[3]s="%[4]s";
listener.name.%[1]s.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.%[1]s.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
`, name, User, Limited, Password)
	}
	return text
}
