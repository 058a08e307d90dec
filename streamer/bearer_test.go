package streamer

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

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
