//go:build !linux

package pgwire

import "net"

// Lean is the connection itself: only of Linux is it known that more can be had.
func Lean(conn net.Conn) net.Conn { return conn }
