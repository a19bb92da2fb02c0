package api

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/wire"
)

// silentGrace is how long, when the gateway stops, a connection on which no byte has come is kept open. Clients open spare ones and never
// use them; fasthttp would wait five seconds for each.
const silentGrace = 200 * time.Millisecond

// A request may be answered before all of it was read: it is too large, or its headers are. A connection that is closed with unread bytes is
// reset, and the answer is lost on its way (RFC 9112, 9.6). So the gateway goes on reading for a while, and discards what comes.
const (
	lingerFor   = 2 * time.Second
	lingerBytes = 16 << 20
)

// spareFor is how long, when the gateway stops, a connection that fasthttp took for idle is left to the request that came on it.
const spareFor = stopTimeout

// Connections that are not let in.
const (
	maxTurnedAway  = 128 // being answered at one time; beyond it they are closed without an answer
	turnAwayWithin = time.Second
	acceptPause    = 10 * time.Millisecond // when no file is left to accept with
)

// listener lets as many connections in as there is room for, knows which have never sent a byte, and lets clients of those that it closes read
// their answer.
type listener struct {
	net.Listener

	crowd       crowd
	readTimeout time.Duration          // of a request, from its first byte
	full        func(by string) []byte // the answer to one that is not let in, by that limit
	ended       func(why, by string)   // called when a connection was refused or closed to make room, by that limit

	stopping   atomic.Bool
	turnedAway chan struct{} // a slot for each that is being refused

	mu     sync.Mutex
	silent map[*conn]struct{}
}

// How a connection ended that was not kept.
const (
	endRefused = "refused"
	endGivenUp = "given_up"
)

// Endings are the values that Server.CountEnd is called with.
var Endings = []string{endRefused, endGivenUp}

var errStalled = refusal.New(refusal.RequestTimeout, "the request did not arrive in full in time: send it again; a record under the same Idempotency-Key")

type conn struct {
	net.Conn
	guest

	from   *listener
	heard  atomic.Bool // a byte has come, ever
	asked  atomic.Bool // bytes have come, and no answer was written since
	midway atomic.Bool // some of a further request had come when the last answer was written
	known  atomic.Bool // it is no longer a stranger
	spared atomic.Bool // a Close was postponed
	closed atomic.Bool

	reading sync.Mutex // held by the reader, which alone uses what follows
	framer  wire.Framer
	stoodIn bool  // fasthttp was given a byte in place of what was refused
	refused error // what came last is not a request; nothing after it is read
	failed  error // the refusal to answer with, once fasthttp has got the error
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			if !l.stopping.Load() && passes(err) {
				l.giveUp(l.crowd.oldest(), byFiles)
				<-time.After(acceptPause)
				continue
			}
			return nil, err
		}
		c := &conn{Conn: accepted, from: l}
		c.hangUp = func() { _ = accepted.Close() }
		c.idle = func() bool { return !c.asked.Load() && !c.midway.Load() }
		instead, by, in := l.crowd.enter(&c.guest, accepted.RemoteAddr())
		if !in {
			l.turnAway(accepted, by)
			continue
		}
		l.giveUp(instead, by)
		l.mu.Lock()
		if l.silent == nil {
			l.silent = make(map[*conn]struct{})
		}
		l.silent[c] = struct{}{}
		l.mu.Unlock()
		return c, nil
	}
}

// passes reports whether Accept may be tried again: files or memory ran out, or the client has gone.
func passes(err error) bool {
	for _, e := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EPROTO, syscall.EPERM,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// giveUp hangs up a connection that makes room for another, if there is one.
func (l *listener) giveUp(g *guest, by string) {
	if g == nil {
		return
	}
	g.hangUp()
	l.ended(endGivenUp, by)
}

// turnAway refuses a connection for which there is no room, as the answer to its request, and keeps nobody waiting meanwhile.
func (l *listener) turnAway(c net.Conn, by string) {
	l.ended(endRefused, by)
	select {
	case l.turnedAway <- struct{}{}:
	default:
		_ = c.Close()
		return
	}
	go func() {
		defer func() { _ = c.Close(); <-l.turnedAway }()
		var asked [1]byte
		if c.SetDeadline(time.Now().Add(turnAwayWithin)) != nil {
			return
		}
		if n, _ := c.Read(asked[:]); n == 0 {
			return // nothing was asked: an answer would be taken for that of the next request
		}
		if _, err := c.Write(l.full(by)); err != nil {
			return
		}
		if half, ok := c.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
			_, _ = io.CopyN(io.Discard, c, lingerBytes)
		}
	}()
}

// Read gives fasthttp what came as far as it is HTTP. Once something is not, fasthttp gets an error, and whyUnread finds the refusal.
func (c *conn) Read(b []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.closed.Load() {
		return 0, net.ErrClosed
	}
	if c.refused != nil {
		return c.failRead(b)
	}
	n, err := c.Conn.Read(b)
	if n == 0 {
		return 0, c.ending(err)
	}
	c.asked.Store(true)
	if !c.heard.Swap(true) {
		c.forget()
		if e := c.SetReadDeadline(time.Now().Add(c.from.readTimeout)); e != nil { // fasthttp would count from when it connected
			return 0, e
		}
	}
	if !c.known.Load() {
		c.from.crowd.speaks(&c.guest, true)
	}
	if n, c.refused = c.framer.Take(b[:n]); n == 0 {
		return c.failRead(b)
	}
	return n, err
}

// failRead makes fasthttp answer with the refusal: it would take an error alone, before any byte of a request, for the end of an idle
// connection, so it gets one byte in place of what it does not get to see.
func (c *conn) failRead(b []byte) (int, error) {
	if !c.framer.Shown() && !c.stoodIn {
		c.stoodIn = true
		b[0] = 'x'
		return 1, nil
	}
	c.failed = c.refused
	return 0, c.refused
}

// ending is the error that fasthttp gets when nothing more comes: an answer is due only where a request has begun.
func (c *conn) ending(err error) error {
	if c.framer.Idle() {
		return io.EOF
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.failed = errStalled
	}
	return err
}

func (c *conn) Write(b []byte) (int, error) {
	midway := !c.framer.Idle() // the goroutine that writes is the one that reads
	c.midway.Store(midway)
	c.asked.Store(false)
	n, err := c.Conn.Write(b)
	if !c.known.Load() {
		c.from.crowd.speaks(&c.guest, midway)
	}
	return n, err
}

// authenticated notes that a terminal has sent a request.
func (c *conn) authenticated(terminal string) {
	if !c.known.Load() {
		c.known.Store(c.from.crowd.knows(&c.guest, terminal))
	}
}

// Close lets a request that has come be answered, and the answer be read.
func (c *conn) Close() error {
	c.forget()
	idle := !c.reading.TryLock()
	if idle { // fasthttp closes what it takes for idle: a request may have come meanwhile
		_ = c.Conn.SetReadDeadline(time.Now())
		c.reading.Lock()
	}
	defer c.reading.Unlock()
	if c.asked.Load() && c.from.stopping.Load() && !c.spared.Swap(true) {
		time.AfterFunc(spareFor, func() { _ = c.end() }) // whoever handles the request closes it, too
		return c.Conn.SetReadDeadline(time.Now().Add(spareFor))
	}
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if idle || !ok || half.CloseWrite() != nil || c.Conn.SetReadDeadline(time.Now().Add(lingerFor)) != nil {
		return c.end()
	}
	go func() {
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
		_ = c.end()
	}()
	return nil
}

// end closes the connection for good.
func (c *conn) end() error {
	c.from.crowd.leave(&c.guest)
	return c.Conn.Close()
}

// A connection may be closed while its request is handled, when the gateway stops. fasthttp panics when a deadline can't be set then, which
// would take every other request with it; the write that follows fails by itself.

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
			_ = c.Conn.Close() // no byte has come on it
		}
		l.mu.Unlock()
	}
}
