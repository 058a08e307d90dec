package localpg

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// stopPatience is how long a stop may take before the server is killed.
const stopPatience = 60 * time.Second

// Stop ends the server and keeps its data.  A fast stop ends the clients'
// sessions; the other waits until they have gone by themselves.  It does
// nothing when the server does not run.
func (s *Server) Stop(fast bool) error {
	if fast {
		return s.end(syscall.SIGINT)
	}
	return s.end(syscall.SIGTERM)
}

// Kill ends the server as a crash would: all its processes at once, where the
// system allows, and nothing written.  The next start goes through recovery.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil || !s.proc.running() {
		return nil
	}
	if err := s.proc.crash(); err != nil {
		return fmt.Errorf("kill local PostgreSQL: %w", err)
	}
	return nil
}

// Restart starts the server again on its data and port, after a fast stop if
// it still runs.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.Stop(true); err != nil {
		return err
	}
	if err := s.run(ctx); err != nil {
		return fmt.Errorf("restart local PostgreSQL: %w", err)
	}
	return nil
}

// Close ends the server without ceremony and removes its directory if that
// was a temporary one.  It may be called more than once.
func (s *Server) Close() error {
	err := s.end(syscall.SIGQUIT)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return err
	}
	s.closed = true
	if s.dir != nil {
		err = errors.Join(err, s.dir.close())
	}
	return err
}

// end sends a signal and waits for the server to be gone.
func (s *Server) end(signal syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil || !s.proc.running() {
		return nil
	}
	if err := s.proc.signal(signal); err != nil {
		return fmt.Errorf("stop local PostgreSQL: %w", err)
	}
	if signal == syscall.SIGTERM {
		<-s.proc.exited
		return nil
	}
	patience := time.NewTimer(stopPatience)
	defer patience.Stop()
	select {
	case <-s.proc.exited:
		return nil
	case <-patience.C:
		return errors.Join(errors.New("stop local PostgreSQL: took too long, killed"), s.proc.crash())
	}
}
