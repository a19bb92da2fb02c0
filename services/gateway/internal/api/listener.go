package api

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// silentGrace is how long, when the gateway stops, a connection that has not said a word is still listened to. Clients open
// spare ones and never use them; fasthttp would wait five seconds for each.
const silentGrace = 200 * time.Millisecond

// A request may be answered before all of it was read: it is too large, or its headers are. Closed with bytes unread, a connection
// is reset, and the answer is lost on its way (RFC 9112, 9.6). So what comes is read for a while yet, and thrown away.
const (
	lingerFor   = 2 * time.Second
	lingerBytes = 16 << 20
)

// spareFor is how long a connection that fasthttp held for idle, when the gateway stops, is left to the request that came on it.
const spareFor = stopTimeout

// listener knows which connections have never sent a byte, and lets those that it closes read their answer.
type listener struct {
	net.Listener

	stopping atomic.Bool

	mu     sync.Mutex
	silent map[*conn]struct{}
}

type conn struct {
	net.Conn

	from   *listener
	heard  atomic.Bool // a byte came, ever
	asked  atomic.Bool // bytes came, and no answer was written since
	spared atomic.Bool // a Close was put off
	closed atomic.Bool

	reading sync.Mutex // held by who reads
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
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.closed.Load() {
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.asked.Store(true)
		if !c.heard.Swap(true) {
			c.forget()
		}
	}
	return n, err
}

func (c *conn) Write(b []byte) (int, error) {
	c.asked.Store(false)
	return c.Conn.Write(b)
}

// Close lets a request that has come be answered, and the answer be read.
func (c *conn) Close() error {
	c.forget()
	idle := !c.reading.TryLock()
	if idle { // fasthttp closes what it holds for idle: a request may have come meanwhile
		_ = c.Conn.SetReadDeadline(time.Now())
		c.reading.Lock()
	}
	defer c.reading.Unlock()
	if c.asked.Load() && c.from.stopping.Load() && !c.spared.Swap(true) {
		time.AfterFunc(spareFor, func() { _ = c.Conn.Close() }) // whoever works on it closes it, too
		return c.Conn.SetReadDeadline(time.Now().Add(spareFor))
	}
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if idle || !ok || half.CloseWrite() != nil || c.Conn.SetReadDeadline(time.Now().Add(lingerFor)) != nil {
		return c.Conn.Close()
	}
	go func() {
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
		_ = c.Conn.Close()
	}()
	return nil
}

// A connection may be closed while its request is worked on, when the gateway stops. fasthttp panics when a deadline then can't be
// set, and with it goes every other request; the write that follows fails by itself.

func (c *conn) SetDeadline(t time.Time) error { return unlessClosed(c.Conn.SetDeadline(t)) }

func (c *conn) SetReadDeadline(t time.Time) error { return unlessClosed(c.Conn.SetReadDeadline(t)) }

func (c *conn) SetWriteDeadline(t time.Time) error { return unlessClosed(c.Conn.SetWriteDeadline(t)) }

func unlessClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
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
