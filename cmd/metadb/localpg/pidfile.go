package localpg

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// postmaster.pid is a file of lines; these are the ones read here.
const (
	pidLine    = 0
	statusLine = 7
)

// readPidFile returns what a running server says of itself.
func readPidFile(data string) (pid int, status string) {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0, ""
	}
	lines := strings.Split(string(text), "\n")
	if pid, err = strconv.Atoi(strings.TrimSpace(lines[pidLine])); err != nil {
		return 0, ""
	}
	if len(lines) > statusLine {
		status = strings.TrimSpace(lines[statusLine])
	}
	return pid, status
}

// postmasterAlive says whether the server that last used the data directory
// may still run.
func postmasterAlive(data string) bool {
	pid, _ := readPidFile(data)
	if pid <= 0 {
		return false
	}
	err := syscall.Kill(pid, 0)
	return err == nil || err == syscall.EPERM
}
