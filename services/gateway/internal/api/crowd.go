package api

import (
	"container/list"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Limits of connections. A stranger is a connection on which no request was authenticated so far.
const (
	maxConnections = 8192
	// maxStrangers is for one address, an IPv6 network of 64 bits counting as one: far more than a shop's tills behind one
	// address open within a round trip, and far less than maxConnections.
	maxStrangers  = 512
	ipv6Household = 64 // bits of an address that identify a network; its hosts choose the rest
	// maxTerminal is far more than one till opens, and a small part of maxConnections: a stolen key can't occupy them all.
	maxTerminal = 64
	// maxBegun is how long a stranger in the middle of a request is kept when its address is full. A till's first request, on a bad line, has
	// been authenticated by then.
	maxBegun = 2 * time.Second
)

// The limits by which a connection is refused or closed to make room, as the log names them.
const (
	byConnections = "connections"
	byAddress     = "address"
	byFiles       = "open files"
)

// rank is what a connection counts as.
type rank int

const (
	uncounted rank = iota // from a trusted proxy, or not inside
	silent                // a stranger between requests
	begun                 // a stranger in the middle of one
	known                 // a terminal's own
	ranks
)

func (r rank) stranger() bool { return r == silent || r == begun }

// crowd decides which connections may stay. Strangers are counted by address, and make room when there is none: those that have been silent
// longest first. When there is no stranger, so do terminals' own connections that are between two requests. Connections from trusted proxies
// carry many callers' requests, and always stay.
type crowd struct {
	limit, strangers, each int // connections, strangers of an address, a terminal's own
	trusted                []netip.Prefix
	now                    func() time.Time

	mu   sync.Mutex
	open int
	all  [ranks]list.List // the one that has had its rank longest comes first
	near map[netip.Prefix]*neighbours
	own  map[string]int // by terminal
}

// neighbours are the strangers of one address, in the order of all.
type neighbours [known]list.List

func (n *neighbours) count() int { return n[silent].Len() + n[begun].Len() }

// guest is one connection in the crowd. The crowd's lock guards its fields except the functions.
type guest struct {
	hangUp func()      // ends the connection, at once and without an answer
	idle   func() bool // whether no request is in progress

	from        netip.Prefix
	terminal    string // of a known one
	inside      bool
	rank        rank
	since       time.Time
	among, near *list.Element // in the crowd's list of its rank, and in the neighbours'
}

// addressOf is the network whose connections are counted together; the zero prefix for what is not an IP address.
func addressOf(addr net.Addr) netip.Prefix {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = ipv6Household
	}
	return netip.PrefixFrom(ip, bits).Masked()
}

func (c *crowd) trusts(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return false
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	for _, p := range c.trusted {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// enter lets a connection in, if necessary instead of the one that it returns, which the caller hangs up. by is the limit that was reached, if
// one was.
func (c *crowd) enter(g *guest, addr net.Addr) (instead *guest, by string, in bool) {
	g.from = addressOf(addr)
	c.mu.Lock()
	defer c.mu.Unlock()
	trusted := c.trusts(addr)
	if n := c.near[g.from]; !trusted && n != nil && n.count() >= c.strangers {
		by, instead = byAddress, c.leastOf(n)
	} else if c.open >= c.limit {
		by, instead = byConnections, c.least()
	}
	if by != "" && instead == nil {
		return nil, by, false
	}
	if instead != nil {
		c.remove(instead)
	}
	c.open++
	g.inside = true
	if !trusted {
		c.become(g, silent)
	}
	return instead, by, true
}

// first is the guest that has been longest in a list; nil when it is empty.
func first(l *list.List) *guest {
	if e := l.Front(); e != nil {
		return guestOf(e)
	}
	return nil
}

func guestOf(e *list.Element) *guest { return e.Value.(*guest) } //nolint:forcetypeassert // the lists hold nothing else

// leastOf is the guest that makes room for a neighbour. The lock is held, here and below.
func (c *crowd) leastOf(n *neighbours) *guest {
	if g := first(&n[silent]); g != nil {
		return g
	}
	if g := first(&n[begun]); g != nil && c.now().Sub(g.since) > maxBegun {
		return g
	}
	return nil
}

// least is the guest that makes room for any other.
func (c *crowd) least() *guest {
	for _, s := range []rank{silent, begun} {
		if g := first(&c.all[s]); g != nil {
			return g
		}
	}
	for e := c.all[known].Front(); e != nil; e = e.Next() {
		if g := guestOf(e); g.idle() {
			return g
		}
	}
	return nil
}

// become gives a guest another rank, in which it is the last.
func (c *crowd) become(g *guest, s rank) {
	c.part(g, s)
	g.rank, g.since = s, c.now()
	if s != uncounted {
		g.among = c.all[s].PushBack(g)
	}
	if s.stranger() {
		n := c.near[g.from]
		if n == nil {
			if c.near == nil {
				c.near = make(map[netip.Prefix]*neighbours)
			}
			n = &neighbours{}
			c.near[g.from] = n
		}
		g.near = n[s].PushBack(g)
	}
	if s == known {
		if c.own == nil {
			c.own = make(map[string]int)
		}
		c.own[g.terminal]++
	}
}

// part ends a guest's rank, before it gets next.
func (c *crowd) part(g *guest, next rank) {
	if g.rank == uncounted {
		return
	}
	c.all[g.rank].Remove(g.among)
	if g.rank == known {
		if c.own[g.terminal]--; c.own[g.terminal] == 0 {
			delete(c.own, g.terminal)
		}
		return
	}
	n := c.near[g.from]
	n[g.rank].Remove(g.near)
	if n.count() == 0 && !next.stranger() {
		delete(c.near, g.from)
	}
}

func (c *crowd) remove(g *guest) {
	if g.inside {
		c.become(g, uncounted)
		g.inside = false
		c.open--
	}
}

// oldest removes the guest that makes room when files run out; nil when there is none.
func (c *crowd) oldest() *guest {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.least()
	if g != nil {
		c.remove(g)
	}
	return g
}

// speaks notes that a guest is in the middle of a request, or no longer is.
func (c *crowd) speaks(g *guest, speaking bool) {
	s := silent
	if speaking {
		s = begun
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if g.rank.stranger() && g.rank != s {
		c.become(g, s)
	}
}

// knows notes that a terminal was authenticated on a guest. It reports whether the guest is no longer a stranger: once a terminal has as many
// connections of its own as it may, further ones stay among its address's strangers.
func (c *crowd) knows(g *guest, terminal string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !g.rank.stranger() {
		return true
	}
	if c.own[terminal] >= c.each {
		return false
	}
	g.terminal = terminal
	c.become(g, known)
	return true
}

// leave notes that a connection has ended.
func (c *crowd) leave(g *guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(g)
}

func (c *crowd) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}
