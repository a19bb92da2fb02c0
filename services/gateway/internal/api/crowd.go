package api

import (
	"container/list"
	"net"
	"net/netip"
	"sync"
)

// Limits of connections. A stranger is a connection on which no request was authenticated so far.
const (
	maxConnections = 8192
	// maxStrangers is for one address, an IPv6 network of 64 bits counting as one: far more than a shop's tills behind one
	// address open within a round trip, and far less than maxConnections.
	maxStrangers  = 512
	ipv6Household = 64 // bits of an address that say who has it; the rest anybody there chooses
)

// crowd decides which connections may stay. Strangers are counted by address, and make room when there is none: those first that
// have been silent longest. Connections of trusted proxies are nobody's in particular, and no strangers.
type crowd struct {
	limit, strangers int
	trusted          []netip.Prefix

	mu   sync.Mutex
	open int
	// All strangers, that first which has waited longest: those between requests, and those in the middle of one.
	silent, busy list.List
	near         map[netip.Prefix]*neighbours
}

// neighbours are the strangers of one address.
type neighbours struct {
	count  int
	silent list.List
}

// guest is one connection in the crowd. The crowd's lock guards its fields but for hangUp.
type guest struct {
	hangUp func() // ends the connection, at once and without a word

	from             netip.Prefix
	inside           bool
	stranger, silent bool
	among, near      *list.Element
}

// addressOf is whose connections are counted together; the zero prefix for what is no IP address.
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

// enter lets a connection in, if need be in the place of the one it returns, which the caller hangs up.
func (c *crowd) enter(g *guest, addr net.Addr) (instead *guest, in bool) {
	g.from = addressOf(addr)
	c.mu.Lock()
	defer c.mu.Unlock()
	trusted := c.trusts(addr)
	if n := c.near[g.from]; !trusted && n != nil && n.count >= c.strangers {
		if instead = first(&n.silent); instead == nil {
			return nil, false
		}
	}
	if instead == nil && c.open >= c.limit {
		if instead = first(&c.silent, &c.busy); instead == nil {
			return nil, false
		}
	}
	if instead != nil {
		c.remove(instead)
	}
	c.open++
	g.inside = true
	if !trusted {
		c.meet(g)
	}
	return instead, true
}

// first is the guest that has waited longest, in the first of the lists that has any.
func first(lists ...*list.List) *guest {
	for _, l := range lists {
		if e := l.Front(); e != nil {
			return e.Value.(*guest) //nolint:forcetypeassert // the lists hold nothing else
		}
	}
	return nil
}

// oldest gives up the stranger that has been silent longest, when files run out; nil when there is none.
func (c *crowd) oldest() *guest {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := first(&c.silent, &c.busy)
	if g != nil {
		c.remove(g)
	}
	return g
}

// meet counts a stranger. The lock is held, here and below.
func (c *crowd) meet(g *guest) {
	n := c.near[g.from]
	if n == nil {
		if c.near == nil {
			c.near = make(map[netip.Prefix]*neighbours)
		}
		n = &neighbours{}
		c.near[g.from] = n
	}
	n.count++
	g.stranger, g.silent = true, true
	g.among, g.near = c.silent.PushBack(g), n.silent.PushBack(g)
}

// part ends a guest's being a stranger.
func (c *crowd) part(g *guest) {
	if !g.stranger {
		return
	}
	n := c.near[g.from]
	if g.silent {
		c.silent.Remove(g.among)
		n.silent.Remove(g.near)
	} else {
		c.busy.Remove(g.among)
	}
	g.stranger = false
	if n.count--; n.count == 0 {
		delete(c.near, g.from)
	}
}

func (c *crowd) remove(g *guest) {
	if g.inside {
		c.part(g)
		g.inside = false
		c.open--
	}
}

// speaks says that a guest is in the middle of a request, or no longer.
func (c *crowd) speaks(g *guest, speaking bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !g.stranger || g.silent != speaking {
		return
	}
	n := c.near[g.from]
	if g.silent = !speaking; speaking {
		c.silent.Remove(g.among)
		n.silent.Remove(g.near)
		g.among = c.busy.PushBack(g)
		return
	}
	c.busy.Remove(g.among)
	g.among, g.near = c.silent.PushBack(g), n.silent.PushBack(g)
}

// knows says that a request of a guest's was authenticated.
func (c *crowd) knows(g *guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.part(g)
}

// leave says that a connection has ended.
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
