package pgwire

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// sockets are the two ends of a connection, ours lean.
func sockets(t *testing.T, network string) (ours, theirs net.Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var dialer net.Dialer
	theirs, err = dialer.DialContext(t.Context(), network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ours, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	return Lean(ours), theirs
}

func TestSocket(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			t.Run("more than fits is written whole", func(t *testing.T) {
				ours, theirs := sockets(t, network)
				text := bytes.Repeat([]byte("0123456789"), 3<<20)
				sent := make(chan error, 1)
				go func() {
					n, err := ours.Write(text)
					if n != len(text) && err == nil {
						err = io.ErrShortWrite
					}
					sent <- errors.Join(err, ours.(interface{ CloseWrite() error }).CloseWrite())
				}()
				got, err := io.ReadAll(theirs)
				if err := errors.Join(err, <-sent); err != nil || !bytes.Equal(got, text) {
					t.Errorf("%d of %d bytes came, %v", len(got), len(text), err)
				}
				// The other half is still open.
				if _, err := theirs.Write([]byte("and back")); err != nil {
					t.Fatal(err)
				}
				if n, err := io.ReadFull(ours, make([]byte, 8)); n != 8 || err != nil {
					t.Errorf("%d bytes came back, %v", n, err)
				}
			})
			t.Run("end", func(t *testing.T) {
				ours, theirs := sockets(t, network)
				_, _ = theirs.Write([]byte("last"))
				_ = theirs.Close()
				if got, err := io.ReadAll(ours); string(got) != "last" || err != nil {
					t.Errorf("read %q, %v", got, err)
				}
				if n, err := ours.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
					t.Errorf("behind the end: %d bytes, %v", n, err)
				}
			})
			t.Run("time", func(t *testing.T) {
				ours, theirs := sockets(t, network)
				_ = ours.SetReadDeadline(time.Now().Add(time.Millisecond))
				var timeout net.Error
				if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
					t.Errorf("read: %v", err)
				}
				type written struct {
					n   int
					err error
				}
				wrote := make(chan written, 1)
				go func() {
					n, err := ours.Write(make([]byte, 30<<20))
					wrote <- written{n, err}
				}()
				if _, err := theirs.Read(make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
				_ = ours.SetWriteDeadline(time.Now()) // in the middle of the call
				if w := <-wrote; !errors.Is(w.err, os.ErrDeadlineExceeded) || w.n == 0 || w.n == 30<<20 {
					t.Errorf("write: %d bytes, %v", w.n, w.err)
				}
			})
			t.Run("closed here", func(t *testing.T) {
				ours, _ := sockets(t, network)
				read := make(chan error, 1)
				go func() {
					_, err := ours.Read(make([]byte, 1))
					read <- err
				}()
				_ = ours.Close()
				if err := <-read; !errors.Is(err, net.ErrClosed) {
					t.Errorf("read: %v", err)
				}
				if _, err := ours.Write([]byte{1}); !errors.Is(err, net.ErrClosed) {
					t.Errorf("write: %v", err)
				}
			})
			t.Run("closed there", func(t *testing.T) {
				ours, theirs := sockets(t, network)
				_ = theirs.Close()
				var err error
				for err == nil { // the first may be taken before the other side says no
					_, err = ours.Write([]byte{1})
				}
				var op *net.OpError
				if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) || !errors.As(err, &op) || op.Op != "write" {
					t.Errorf("write: %v", err)
				}
			})
			t.Run("nothing", func(t *testing.T) {
				ours, _ := sockets(t, network)
				n, err := ours.Read(nil)
				m, errWrite := ours.Write(nil)
				if n != 0 || m != 0 || err != nil || errWrite != nil {
					t.Errorf("read %d, %v; wrote %d, %v", n, err, m, errWrite)
				}
			})
		})
	}
}

// TestLeanLeavesOthers leaves what is no socket as it is.
func TestLeanLeavesOthers(t *testing.T) {
	t.Parallel()
	a, b := net.Pipe()
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	if Lean(a) != a {
		t.Error("a pipe was changed")
	}
}
