package localpg

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// procAttr makes the server run as the account, outside of the terminal's
// group (an interrupt is for the program, which then stops the server), and
// die with the program.
func procAttr(acct *account) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Credential: acct.credential(),
		Setpgid:    true,
		Pdeathsig:  syscall.SIGQUIT,
	}
}

// crash kills the server and all its children.  The parent is stopped first,
// so that it neither starts new children nor sees the others die.
func (p *process) crash() error {
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	children, err := childrenOf(p.cmd.Process.Pid)
	if err != nil {
		return errors.Join(err, p.signal(syscall.SIGKILL))
	}
	for _, pid := range append(children, p.cmd.Process.Pid) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	<-p.exited
	// Their shared memory must be free before the next start.
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for _, pid := range children {
		for alive(pid, p.cmd.Path) {
			<-ticker.C
		}
	}
	return nil
}

// childrenOf lists the processes whose parent is pid.
func childrenOf(pid int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var children []int
	for _, entry := range entries {
		child, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if _, parent, ok := procStat(child); ok && parent == pid {
			children = append(children, child)
		}
	}
	return children, nil
}

// alive says whether pid is still a running process of the given program; a
// dead one that nobody has collected yet does not count.
func alive(pid int, program string) bool {
	state, _, ok := procStat(pid)
	if !ok || state == "Z" || state == "X" {
		return false
	}
	path, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "exe"))
	return err != nil || path == program
}

// procStat reads the state and the parent of a process.
func procStat(pid int) (state string, parent int, ok bool) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", 0, false
	}
	// The name of the program is in parentheses and may hold anything.
	_, rest, found := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
	if !found {
		return "", 0, false
	}
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return "", 0, false
	}
	if parent, err = strconv.Atoi(fields[1]); err != nil {
		return "", 0, false
	}
	return fields[0], parent, true
}
