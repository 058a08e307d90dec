package streamer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"metadb/catalog/secret"
)

// tokenTimeout bounds the request for a token.
const tokenTimeout = 10 * time.Second

// bearer provides the tokens of OAUTHBEARER: one that somebody else renews, or those
// that an endpoint gives to a client with a secret, kept for 80 % of their lives.
type bearer struct {
	access *access

	// mu guards what follows, and lets one request for a token run.
	mu      sync.Mutex
	token   string
	until   time.Time
	id, key string // that the token was given for
}

// checkEndpoint refuses endpoints to which a secret would travel in the clear.
func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return wrongSetting("option sasl_oauthbearer_token_endpoint_url is not a URL of a token endpoint", "it begins with https:// and names no user")
	}
	if host := u.Hostname(); u.Scheme == "http" && host != "localhost" && host != "127.0.0.1" && host != "::1" {
		return wrongSetting("option sasl_oauthbearer_token_endpoint_url: the client's secret would be sent without TLS", "use https://")
	}
	return nil
}

// auth gives the token for one session.
func (b *bearer) auth(ctx context.Context) (oauth.Auth, error) {
	s := b.access.security
	if s.Token != "" {
		token, err := b.access.secret("sasl_oauthbearer_token", s.Token)
		if err == nil {
			err = checkToken(token)
		}
		return oauth.Auth{Token: token}, err
	}
	id, err := b.access.secret("sasl_oauthbearer_client_id", secret.Reference(s.ClientID))
	if err != nil {
		return oauth.Auth{}, err
	}
	key, err := b.access.secret("sasl_oauthbearer_client_secret", s.ClientSecret)
	if err != nil {
		return oauth.Auth{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.token != "" && b.id == id && b.key == key && time.Now().Before(b.until) {
		return oauth.Auth{Token: b.token}, nil
	}
	token, err := b.fetch(ctx, id, key)
	if err != nil {
		return oauth.Auth{}, err
	}
	if err := checkToken(token.AccessToken); err != nil {
		return oauth.Auth{}, err
	}
	b.token, b.id, b.key, b.until = token.AccessToken, id, key, time.Time{}
	if !token.Expiry.IsZero() {
		b.until = time.Now().Add(time.Until(token.Expiry) * 8 / 10)
	}
	return oauth.Auth{Token: b.token}, nil
}

// checkToken refuses what would end a token early in the protocol's message.
func checkToken(token string) error {
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return wrongSetting("the token of OAUTHBEARER holds a blank or a control character", "")
	}
	return nil
}

// fetch asks the endpoint for a token. Its answer is never part of an error: it
// may repeat what was sent.
func (b *bearer) fetch(ctx context.Context, id, key string) (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	tlsConfig, err := b.access.tlsConfig()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: tlsConfig}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	s := b.access.security
	config := clientcredentials.Config{ClientID: id, ClientSecret: key, TokenURL: s.TokenEndpoint, AuthStyle: oauth2.AuthStyleInHeader}
	if s.Scope != "" {
		config.Scopes = []string{s.Scope}
	}
	token, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
	var answer *oauth2.RetrieveError
	var request *url.Error
	switch {
	case err == nil:
		return token, nil
	case errors.As(err, &answer) && answer.Response != nil:
		return nil, wrongSetting(fmt.Sprintf("the token endpoint refused the client: HTTP status %d", answer.Response.StatusCode),
			"check sasl_oauthbearer_client_id, sasl_oauthbearer_client_secret and sasl_oauthbearer_scope")
	case errors.As(err, &request):
		return nil, fmt.Errorf("the token endpoint does not answer: %w", request.Err)
	}
	return nil, errors.New("the answer of the token endpoint holds no token")
}
