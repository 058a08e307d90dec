package localpg

import (
	"io"
	"strings"
	"sync"
)

// tailSize is how much of the log is kept for error messages.
const tailSize = 4096

// tail passes a log on and remembers its end.
type tail struct {
	to io.Writer

	// mu guards last.
	mu   sync.Mutex
	last []byte
}

// Write implements io.Writer.  A log that cannot be passed on is no reason to
// stop the server, so that error is dropped.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.last = append(t.last, p...)
	if over := len(t.last) - tailSize; over > 0 {
		t.last = append(t.last[:0], t.last[over:]...)
	}
	t.mu.Unlock()
	_, _ = t.to.Write(p)
	return len(p), nil
}

// String returns the end of the log.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.last))
}
