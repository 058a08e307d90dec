package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// errNoMemory is the answer where the kernel does not tell (not Linux).
var errNoMemory = errors.New("the memory of the server is not known")

// Memory is the server's resident memory in bytes, now and at its peak.
func (s *Server) Memory() (now, peak int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	if err != nil {
		return 0, 0, fmt.Errorf("%w: %w", errNoMemory, err)
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			now = kb << 10
		case "VmHWM":
			peak = kb << 10
		}
	}
	if now == 0 || peak == 0 {
		return 0, 0, errNoMemory
	}
	return now, peak, nil
}
