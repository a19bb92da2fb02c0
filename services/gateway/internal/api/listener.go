package api

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// silentGrace is how long, when the gateway stops, a connection that has not said a word is still listened to. Clients open
// spare ones and never use them; fasthttp would wait five seconds for each.
const silentGrace = 200 * time.Millisecond

// listener knows which connections have never sent a byte.
type listener struct {
	net.Listener

	mu     sync.Mutex
	silent map[*conn]struct{}
}

type conn struct {
	net.Conn

	from  *listener
	heard atomic.Bool
}

func (l *listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: accepted, from: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.silent == nil {
		l.silent = make(map[*conn]struct{})
	}
	l.silent[c] = struct{}{}
	return c, nil
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && !c.heard.Swap(true) {
		c.forget()
	}
	return n, err
}

func (c *conn) Close() error {
	c.forget()
	return c.Conn.Close()
}

func (c *conn) forget() {
	c.from.mu.Lock()
	defer c.from.mu.Unlock()
	delete(c.from.silent, c)
}

// hangUp closes silent connections, each time the grace has passed, until ctx ends.
func (l *listener) hangUp(ctx context.Context) {
	grace := time.NewTicker(silentGrace)
	defer grace.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-grace.C:
		}
		l.mu.Lock()
		for c := range l.silent {
			_ = c.Conn.Close() // nothing was said on it
		}
		l.mu.Unlock()
	}
}
