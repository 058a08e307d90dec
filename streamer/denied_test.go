package streamer

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// rights are those of a user who may see all topics and read some.
func rights(readable ...string) []kfake.ACL {
	acls := []kfake.ACL{{Resource: kmsg.ACLResourceTypeTopic, Name: "m.", Pattern: kmsg.ACLResourcePatternTypePrefixed, Operation: kmsg.ACLOperationDescribe, Allow: true}}
	for _, topic := range readable {
		acls = append(acls, kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: topic, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationRead, Allow: true})
	}
	return acls
}

var groupRight = kfake.ACL{Resource: kmsg.ACLResourceTypeGroup, Name: "s", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationRead, Allow: true}

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
