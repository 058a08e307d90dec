package pgwire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"
)

// alias is the database name that always means Metadb's own, as clients of
// earlier versions know no other.
const alias = "metadb"

// Defaults of what a Config leaves out.
const (
	defaultStartupTime = 10 * time.Second
	defaultGrace       = time.Second
	defaultMaxStartups = 128
	defaultAdminRole   = "metadb_admin"
)

// Config is what a Server needs. Dial, Rewrite and Logger must be set.
type Config struct {
	// Dial opens a connection to the backend.
	Dial func(ctx context.Context) (net.Conn, error)
	// Database is the real name of the database that clients call metadb. If
	// empty that name is passed on as any other.
	Database string
	// Rewrite replaces the statements that the backend does not know.
	Rewrite Rewriter
	// Calm says that running a text changes no session setting. If nil every
	// text may.
	Calm func(text string) bool
	// Block says what a text does with a part of a transaction. If nil that is not
	// known of any.
	Block func(text string) Block
	// Certificate is asked for at each TLS handshake of a client. If nil there is
	// no TLS.
	Certificate func() (*tls.Certificate, error)
	// AllowPlaintextRemote admits clients on other machines that do without TLS.
	AllowPlaintextRemote bool
	// Networks are those whose clients are admitted, beside those on this
	// machine; all if empty.
	Networks []netip.Prefix
	// Observe is told of each statement of Metadb's that changes something, when
	// its outcome is known. It must not wait. May be nil.
	Observe func(Activity)
	// AdminRole is the role that hints name to those without rights, by default
	// metadb_admin.
	AdminRole string
	// AllowPasswordlessLocal admits clients on this machine that the backend
	// asks for no password. To the backend all clients are on this machine, so
	// its trust and peer rules cannot be meant for others.
	AllowPasswordlessLocal bool
	// StartupTime bounds start-up and authentication, by default 10 s.
	StartupTime time.Duration
	// Grace is how long sessions that are at work may go on when the server
	// stops, by default 1 s.
	Grace time.Duration
	// MaxStartups bounds the connections that are not yet authenticated, by
	// default 128. A quarter of them may come from one other machine.
	MaxStartups int
	// MaxSessions bounds the sessions; 0 leaves that to the backend.
	MaxSessions int
	Logger      *slog.Logger
}

// Server relays clients to the backend.
type Server struct {
	config    Config
	admission admission
	crowd     crowd
}

// New makes a server. It does nothing until Serve.
func New(c Config) *Server {
	if c.Calm == nil {
		c.Calm = func(string) bool { return false }
	}
	if c.Block == nil {
		c.Block = func(string) Block { return Block{} }
	}
	if c.Observe == nil {
		c.Observe = func(Activity) {}
	}
	if c.AdminRole == "" {
		c.AdminRole = defaultAdminRole
	}
	if c.StartupTime == 0 {
		c.StartupTime = defaultStartupTime
	}
	if c.Grace == 0 {
		c.Grace = defaultGrace
	}
	if c.MaxStartups == 0 {
		c.MaxStartups = defaultMaxStartups
	}
	return &Server{config: c, admission: admission{
		networks: c.Networks, startups: c.MaxStartups, perAddress: max(c.MaxStartups/4, 1), sessions: c.MaxSessions,
	}}
}

// Serve accepts clients until the context ends, then closes the listener, ends
// idle sessions at once and the others after a grace. It returns when all are
// ended.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	unhook := context.AfterFunc(ctx, func() { _ = listener.Close() })
	var sessions sync.WaitGroup
	defer func() {
		cancel()
		sessions.Wait()
		if unhook() {
			_ = listener.Close()
		}
	}()
	for pause := time.Duration(0); ; {
		client, err := listener.Accept()
		switch {
		case err == nil:
			pause = 0
			sessions.Go(func() { s.serve(ctx, client) })
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept: %w", err)
		default:
			// Such as too many open files: it passes when sessions end.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.config.Logger.Warn("accept client", "error", err, "pause", pause)
			if !wait(ctx, pause) {
				return nil
			}
		}
	}
}

// wait says whether the time passed before the context ended.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// serve is the whole life of one client's connection.
func (s *Server) serve(ctx context.Context, accepted net.Conn) {
	logger := s.config.Logger.With("client", accepted.RemoteAddr().String())
	client := &arrival{conn: Lean(accepted)}
	defer func() { _ = client.conn.Close() }()
	defer contain(logger)
	if !s.admission.allows(accepted) {
		// Nothing is said to those who have no business here.
		logger.Info("client refused", "reason", "its address is in none of the allowed networks")
		return
	}
	session, err := s.open(ctx, client)
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		if refused.limit {
			s.crowd.refused(logger, refused, time.Now())
		} else {
			logger.Info("client refused", "code", refused.code, "reason", refused.message)
		}
		_ = client.conn.SetWriteDeadline(time.Now().Add(s.config.Grace))
		_, _ = client.conn.Write(refused.wire())
		return
	case err != nil:
		logger.Debug("client did not start", "error", err)
		return
	case session == nil:
		return
	}
	defer s.admission.end()
	logger.Debug("session begins", "encrypted", isEncrypted(client.conn))
	err = session.run(ctx, logger)
	logger.Debug("session ends", "error", err)
}

// contain keeps a panic from going beyond the connection it was in.
func contain(logger *slog.Logger) {
	if r := recover(); r != nil {
		logger.Error("session panicked", "panic", r, "stack", string(debug.Stack()))
	}
}

// isLocal says that the client is on this machine.
func isLocal(client net.Conn) bool {
	switch a := client.RemoteAddr().(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}
