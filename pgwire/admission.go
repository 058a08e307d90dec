package pgwire

import (
	"net"
	"net/netip"
	"sync"
)

// admission decides which connections may be opened, before a byte is read.
type admission struct {
	networks             []netip.Prefix
	startups, perAddress int
	sessions             int
	mu                   sync.Mutex // guards all below
	starting             int
	startingAt           map[netip.Addr]int // of other machines
	open                 int
}

// reserve takes a place among the connections that are not yet authenticated.
// One machine can hold only some of the places. The place is given back once.
func (a *admission) reserve(client net.Conn) (release func(), err *refusal) {
	from, remote := remoteAddress(client)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.starting >= a.startups, remote && a.startingAt[from] >= a.perAddress:
		return nil, &refusal{code: "53300", message: "too many clients are connecting", limit: true}
	}
	a.starting++
	if remote {
		if a.startingAt == nil {
			a.startingAt = map[netip.Addr]int{}
		}
		a.startingAt[from]++
	}
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.starting--
		if !remote {
			return
		}
		if a.startingAt[from]--; a.startingAt[from] == 0 {
			delete(a.startingAt, from)
		}
	}, nil
}

// begin takes a place among the sessions; end gives it back.
func (a *admission) begin() *refusal {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sessions > 0 && a.open >= a.sessions {
		return &refusal{
			code: "53300", message: "sorry, too many clients already",
			hint: "The parameter max_clients in Metadb's configuration bounds them.", limit: true,
		}
	}
	a.open++
	return nil
}

func (a *admission) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open--
}

// allows says that the client's network may connect. This machine always may.
func (a *admission) allows(client net.Conn) bool {
	from, remote := remoteAddress(client)
	if !remote || len(a.networks) == 0 {
		return true
	}
	for _, n := range a.networks {
		if n.Contains(from) {
			return true
		}
	}
	return false
}

// remoteAddress is the address of a client on another machine.
func remoteAddress(client net.Conn) (from netip.Addr, remote bool) {
	if isLocal(client) {
		return netip.Addr{}, false
	}
	if a, ok := client.RemoteAddr().(*net.TCPAddr); ok {
		from = a.AddrPort().Addr().Unmap().WithZone("")
	}
	return from, true
}
