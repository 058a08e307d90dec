package streamer

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// gate lets one connection of a run at a time sign in, until the first has: a client
// opens several at once, and a wrong password that all of them bring counts as often,
// at brokers that lock accounts.
type gate struct {
	turn chan struct{} // holds one while a connection has its turn
	open chan struct{} // closed by the first that was accepted

	// mu guards all below.
	mu       sync.Mutex
	holder   net.Conn // has its turn
	asked    bool     // it has begun to sign in
	tried    bool     // some connection has
	accepted bool     // one was
}

func newGate() *gate {
	return &gate{turn: make(chan struct{}, 1), open: make(chan struct{})}
}

// enter waits for the turn of a connection, which the client must use in place of
// the one given. On an error that is closed.
func (g *gate) enter(ctx context.Context, conn net.Conn) (net.Conn, error) {
	select {
	case <-g.open:
		return conn, nil
	default:
	}
	select {
	case <-g.open:
		return conn, nil
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		_ = conn.Close()
		return nil, ctx.Err()
	}
	w := &turned{conn, g}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.holder, g.asked = w, false
	return w, nil
}

// asks notes that whoever has the turn begins to sign in.
func (g *gate) asks() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked, g.tried = true, true
}

// unsure says that the brokers were asked whether they accept us, and have not said
// that they do.
func (g *gate) unsure() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.tried && !g.accepted
}

// done ends the turn of a connection, if it has it.
func (g *gate) done(conn net.Conn, accepted bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if conn == nil || g.holder != conn {
		return
	}
	g.holder = nil
	if accepted && !g.accepted {
		g.accepted = true
		close(g.open)
	}
	<-g.turn
}

// closed ends the turn of a connection that has not begun to sign in: its client
// may open the next before it says that this one failed. What came of one that has
// is known only later.
func (g *gate) closed(conn net.Conn) {
	g.mu.Lock()
	asked := g.asked
	g.mu.Unlock()
	if !asked {
		g.done(conn, false)
	}
}

// turned is a connection that has, or had, its turn.
type turned struct {
	net.Conn
	gate *gate
}

// Close ends the connection.
func (c *turned) Close() error {
	c.gate.closed(c)
	return c.Conn.Close()
}

// OnBrokerConnect is called by a client after each dial and its handshakes. A refusal
// is noted before the next connection has its turn.
func (a *access) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, conn net.Conn, err error) {
	if err != nil && !a.known(err) {
		if err := a.diagnose(err); refusal(err) {
			a.refuse(err)
		}
	}
	a.gate.done(conn, err == nil)
}
