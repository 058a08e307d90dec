package pgwire

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

var errStopped = errors.New("server is stopping")

// session is one client and its backend connection.
type session struct {
	server          *Server
	client, backend net.Conn
	fromClient      *stream
	fromBackend     *stream
	ledger          *ledger

	stopping atomic.Pointer[time.Time] // when the grace ends, once it began
}

func newSession(s *Server, client, backend net.Conn) *session {
	return &session{
		server: s, client: client, backend: backend,
		fromClient: newStream(client), fromBackend: newStream(backend),
		ledger: newLedger(),
	}
}

// run relays until one side ends or the server stops.
func (s *session) run(ctx context.Context, logger *slog.Logger) error {
	_ = s.client.SetDeadline(time.Time{})
	_ = s.backend.SetDeadline(time.Time{})
	var parts sync.WaitGroup
	unhook := context.AfterFunc(ctx, s.stop)
	parts.Go(func() {
		defer contain(logger)
		err := s.up()
		logger.Debug("client ended", "error", err)
	})
	// The pump to the client ends last, so that all answers arrive.
	err := s.down(logger)
	s.ledger.end()
	unhook()
	s.close()
	parts.Wait()
	return err
}

func (s *session) close() {
	_ = s.client.Close()
	_ = s.backend.Close()
}

// up passes on what the client sends. When the client ends, the backend is told
// so but may still finish its answers.
func (s *session) up() error {
	finished := false
	defer func() {
		if !finished {
			s.close() // also after a panic
		}
	}()
	p := pump{
		stream: s.fromClient, dst: s.backend, sent: s.fromClient.pos,
		target: &fromClient{ledger: s.ledger, rewrite: s.server.config.Rewrite, calm: s.server.config.Calm, block: s.server.config.Block},
		idle:   func(_ bool, read error) error { return read },
	}
	err := p.run()
	if half, ok := s.backend.(interface{ CloseWrite() error }); ok && errors.Is(err, io.EOF) {
		finished = half.CloseWrite() == nil
	}
	if errors.Is(err, errClosed) {
		finished = true // the other pump is saying farewell
	}
	return err
}

// down passes on what the backend answers.
func (s *session) down(logger *slog.Logger) (err error) {
	defer contain(logger)
	p := pump{
		stream: s.fromBackend, dst: s.client, sent: s.fromBackend.pos, rows: true,
		target: &fromBackend{ledger: s.ledger, adminRole: s.server.config.AdminRole},
		idle:   s.idle,
	}
	return p.run()
}

// stop wakes the pump to the client, which then looks for a good moment to end.
// It runs beside the pumps.
func (s *session) stop() {
	end := time.Now().Add(s.server.config.Grace)
	s.stopping.Store(&end)
	_ = s.client.SetWriteDeadline(end.Add(s.server.config.Grace / 4)) // a client that does not read
	_ = s.backend.SetReadDeadline(time.Now())
}

// idle ends the session when the server stops: at once if it is idle, else at
// the end of the grace.
func (s *session) idle(boundary bool, read error) error {
	end := s.stopping.Load()
	if end == nil {
		return read
	}
	if read != nil && !errors.Is(read, os.ErrDeadlineExceeded) {
		return read
	}
	over := !time.Now().Before(*end)
	if boundary && s.ledger.shut() || over {
		if boundary {
			farewell := &refusal{code: "57P01", message: "terminating connection because Metadb is stopping"}
			_ = s.client.SetWriteDeadline(time.Now().Add(s.server.config.Grace / 4))
			_, _ = s.client.Write(farewell.wire())
		}
		return errStopped
	}
	if read != nil {
		_ = s.backend.SetReadDeadline(*end)
	}
	return nil
}
