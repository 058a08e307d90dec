//go:build !linux

package main

import "syscall"

// childAttr keeps the terminal's interrupt from the server, which the demo stops
// itself.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
