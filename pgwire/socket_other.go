//go:build !linux

package pgwire

import "net"

// lean is the connection itself: only of Linux is it known that more can be had.
func lean(conn net.Conn) net.Conn { return conn }
