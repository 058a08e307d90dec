package main

import "syscall"

// childAttr keeps the terminal's interrupt from the server, which the demo stops
// itself, and ends the server with the demo, should that be killed.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
