package streamer

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

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
