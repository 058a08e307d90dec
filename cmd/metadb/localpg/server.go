package localpg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"sync"
)

// Server is one local PostgreSQL.  Its methods may be called from any
// goroutine.
type Server struct {
	opts Options
	acct *account
	bin  string
	dir  *directory

	// mu guards proc and closed, and makes starts and stops one at a time.
	mu     sync.Mutex
	proc   *process
	closed bool
}

// Start makes a cluster where there is none and runs a server on it.  It
// returns when the server accepts connections.  Close ends it.
func Start(ctx context.Context, opts Options) (*Server, error) {
	s := &Server{opts: opts.withDefaults()}
	if err := s.setUp(ctx); err != nil {
		err = fmt.Errorf("start local PostgreSQL: %w", err)
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// setUp does the steps of the first start.
func (s *Server) setUp(ctx context.Context) error {
	var err error
	if s.bin, err = findBinaries(ctx, s.opts.Packaged); err != nil {
		return err
	}
	if s.acct, err = serverAccount(); err != nil {
		return err
	}
	if s.dir, err = openDirectory(s.opts.Dir, s.acct); err != nil {
		return err
	}
	done, err := s.dir.initialised()
	if err != nil {
		return err
	}
	if !done {
		if err := s.initialise(ctx); err != nil {
			return err
		}
	}
	return s.firstRun(ctx)
}

// portTries bounds how often another free port is asked for: between asking
// and listening, somebody else may take it.
const portTries = 5

// firstRun starts the server and settles its port.
func (s *Server) firstRun(ctx context.Context) error {
	if s.opts.Port != 0 {
		return s.run(ctx)
	}
	var err error
	for range portTries {
		if s.opts.Port, err = freePort(ctx); err != nil {
			return err
		}
		if err = s.run(ctx); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return err
}

// run starts the server process on the settled port.
func (s *Server) run(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("the server was closed")
	}
	if s.proc != nil && s.proc.running() {
		return errors.New("the server runs already")
	}
	proc, err := startProcess(ctx, s)
	if err != nil {
		return err
	}
	s.proc = proc
	return nil
}

// Host is the address that the server listens on.
func (s *Server) Host() string { return "127.0.0.1" }

// Port is the port that the server listens on; it stays the same over restarts.
func (s *Server) Port() int { return s.opts.Port }

// User is the name of the superuser.
func (s *Server) User() string { return s.opts.User }

// Password is the superuser's password.
func (s *Server) Password() string { return s.opts.Password }

// SocketDir is the directory of the Unix socket, "" when there is none.
func (s *Server) SocketDir() string { return s.dir.socket() }

// URL is the address of a database, with user and password.
func (s *Server) URL(db string) string {
	u := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(s.opts.User, s.opts.Password),
		Host:   net.JoinHostPort(s.Host(), strconv.Itoa(s.opts.Port)),
		Path:   "/" + db,
	}
	return u.String()
}
