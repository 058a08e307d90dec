package streamer

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/catalog"
	"metadb/catalog/secret"
)

// TestGate lets connections in one by one, as a client opens them.
func TestGate(t *testing.T) {
	t.Parallel()
	a, err := newAccess(catalog.Source{Brokers: "b", Security: catalog.Security{Protocol: "sasl_plaintext", Mechanism: "PLAIN", Username: "u", Password: "p"}}, secret.Store{})
	if err != nil {
		t.Fatal(err)
	}
	enter := func() net.Conn {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		one, other := net.Pipe()
		t.Cleanup(func() { _ = other.Close() })
		conn, err := a.gate.enter(ctx, one)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	shut := func() {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		one, other := net.Pipe()
		if conn, err := a.gate.enter(ctx, one); conn != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("let in: %v", err)
		}
		if _, err := other.Write([]byte{1}); err == nil {
			t.Error("the connection is left open")
		}
	}
	_ = enter().Close() // before it signed in: the next has its turn
	conn := enter()
	shut()
	if a.gate.unsure() {
		t.Error("nobody has asked")
	}
	a.gate.asks()
	_ = conn.Close()
	shut() // what the brokers said is not known yet
	a.OnBrokerConnect(kgo.BrokerMetadata{}, 0, nil, errors.New("another broker cannot be reached"))
	shut()
	a.OnBrokerConnect(kgo.BrokerMetadata{}, 0, conn, kerr.SaslAuthenticationFailed)
	if !a.gate.unsure() || !a.known(a.refused) {
		t.Error("a refusal is not noted")
	}
	conn = enter()
	a.gate.asks()
	a.OnBrokerConnect(kgo.BrokerMetadata{}, 0, conn, nil)
	if a.gate.unsure() {
		t.Error("accepted, and unsure")
	}
	for range 2 {
		enter() // from now on at once, and several
	}
}
