package pgwire

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// socket reads and writes without letting other goroutines have its processor for the
// time of the system call. The calls never block, so that nothing is gained by that; but
// one that takes longer than 20 µs, as when the kernel first runs whom it woke, would
// lose its processor, and have to wait for another when it returns (docs/bench.md has
// what that cost).
type socket struct {
	net.Conn
	raw      syscall.RawConn
	in, out  transfer
	tryRead  func(fd uintptr) bool
	tryWrite func(fd uintptr) bool
}

// transfer is one call of Read or Write.
type transfer struct {
	mu   sync.Mutex // held during the call
	rest []byte     // still to be filled or written
	done int
	err  syscall.Errno
}

// Lean is the same connection with less work for the scheduler, where it is a socket.
func Lean(conn net.Conn) net.Conn {
	plain, ok := conn.(syscall.Conn)
	if !ok {
		return conn
	}
	raw, err := plain.SyscallConn()
	if err != nil {
		return conn
	}
	s := &socket{Conn: conn, raw: raw}
	s.tryRead, s.tryWrite = s.in.read, s.out.write
	return s
}

// Read reads what there is.
func (s *socket) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.in.begin(p)
	err := s.raw.Read(s.tryRead)
	switch {
	case err != nil:
		return 0, err
	case s.in.err != 0:
		return 0, s.failed("read", s.in.err)
	case s.in.done == 0:
		return 0, io.EOF
	}
	return s.in.done, nil
}

// Write writes all.
func (s *socket) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	s.out.begin(p)
	err := s.raw.Write(s.tryWrite)
	if err == nil && s.out.err != 0 {
		err = s.failed("write", s.out.err)
	}
	return s.out.done, err
}

// CloseWrite ends the half of the connection that we write.
func (s *socket) CloseWrite() error {
	if half, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return s.Close()
}

func (s *socket) failed(op string, err syscall.Errno) error {
	remote := s.RemoteAddr()
	return &net.OpError{Op: op, Net: remote.Network(), Source: s.LocalAddr(), Addr: remote, Err: os.NewSyscallError(op, err)}
}

func (t *transfer) begin(p []byte) { t.rest, t.done, t.err = p, 0, 0 }

// call is one system call. It says whether there was anything to be done.
func (t *transfer) call(trap, fd uintptr) (n int, ready bool) {
	for {
		//nolint:gosec // the conversion in the call keeps the buffer in its place, as package unsafe says
		n, _, err := syscall.RawSyscall(trap, fd, uintptr(unsafe.Pointer(unsafe.SliceData(t.rest))), uintptr(len(t.rest)))
		switch err {
		case 0:
			return int(n), true
		case syscall.EAGAIN:
			return 0, false
		case syscall.EINTR:
		default:
			t.err = err
			return 0, true
		}
	}
}

// read says whether something was read, the end included.
func (t *transfer) read(fd uintptr) bool {
	n, ready := t.call(syscall.SYS_READ, fd)
	t.done = n
	return ready
}

// write says whether all is written.
func (t *transfer) write(fd uintptr) bool {
	for len(t.rest) > 0 && t.err == 0 {
		n, ready := t.call(syscall.SYS_WRITE, fd)
		if !ready {
			return false
		}
		t.rest = t.rest[n:]
		t.done += n
	}
	return true
}
