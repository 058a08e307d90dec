//go:build !linux

package process

import "syscall"

// childAttr keeps the terminal's interrupt from the server, which its starter stops
// itself.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
