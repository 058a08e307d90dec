package process

import "syscall"

// childAttr keeps the terminal's interrupt from the server, which its starter stops
// itself, and ends the server with that, should it be killed.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
