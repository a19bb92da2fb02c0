package composetest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// standIn is a gateway to the balancer. It reads what comes until its end, or for a moment, and answers with a problem that has
// every byte of it in its detail; a connection that stays silent it closes, as a gateway does.
type standIn struct {
	name string
	addr string

	mu     sync.Mutex
	ready  bool
	checks int
	conns  map[net.Conn]bool
	on     net.Listener
}

// between is the time from one check to the next.
const between = 50 * time.Millisecond

// patience is how long a stand-in waits for the rest of a request.
const patience = 100 * time.Millisecond

type problem struct {
	Type, Title, Code, Detail, Instance string
	Status                              int
}

func standsIn(t *testing.T, name string) *standIn {
	t.Helper()
	on, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g := &standIn{name: name, addr: on.Addr().String(), ready: true, conns: map[net.Conn]bool{}, on: on}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := on.Accept()
			if err != nil {
				return
			}
			g.mu.Lock()
			g.conns[c] = true
			g.mu.Unlock()
			serving.Go(func() { g.serve(c) })
		}
	})
	t.Cleanup(func() {
		g.die()
		serving.Wait()
	})
	return g
}

// die ends the gateway with all of its connections, as the end of its process does.
func (g *standIn) die() {
	_ = g.on.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.conns {
		_ = c.Close()
	}
}

func (g *standIn) become(ready bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ready = ready
}

func (g *standIn) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	var got []byte
	for buf := make([]byte, 64<<10); ; {
		n, err := c.Read(buf)
		if got = append(got, buf[:n]...); err != nil {
			break
		}
		switch text := string(got); {
		case strings.HasPrefix(text, "GET /readyz HTTP/1.0\r\n"):
			g.mu.Lock()
			ready := g.ready
			g.checks++
			g.mu.Unlock()
			_, _ = io.WriteString(c, map[bool]string{true: "HTTP/1.0 200 OK\r\n\r\n", false: "HTTP/1.0 503 Service Unavailable\r\n\r\n"}[ready])
			return
		case strings.HasPrefix(text, "DIE"):
			_, _ = io.WriteString(c, strings.TrimPrefix(text, "DIE"))
			return
		case text == "KEEP":
			got = nil
			_, _ = io.WriteString(c, g.answer("KEEP"))
			continue
		}
		_ = c.SetReadDeadline(time.Now().Add(patience))
	}
	if len(got) > 0 {
		_, _ = io.WriteString(c, g.answer(string(got)))
	}
}

// answer is a gateway's to what came.
func (g *standIn) answer(came string) string {
	body, _ := json.Marshal(problem{
		Type: "urn:tillseal:problem:BAD_REQUEST", Title: "Bad request", Status: 400, Code: "BAD_REQUEST",
		Detail: strconv.QuoteToASCII(came), Instance: g.name,
	})
	return "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + string(body)
}

// till is a connection of bytes.
type till struct {
	net.Conn

	t *testing.T
}

func call(t *testing.T, addr string) till {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(soon)))
	return till{c, t}
}

func (l till) send(text string) till {
	l.t.Helper()
	_, err := io.WriteString(l, text)
	require.NoError(l.t, err)
	return l
}

// over signals that no more comes.
func (l till) over() till {
	l.t.Helper()
	require.NoError(l.t, l.Conn.(*net.TCPConn).CloseWrite())
	return l
}

// rest is what comes until the connection's end, which is not waited for for long.
func (l till) rest() string {
	l.t.Helper()
	all, err := io.ReadAll(l)
	var slow net.Error
	require.False(l.t, err != nil && errors.As(err, &slow) && slow.Timeout(), "the connection was left open")
	return string(all)
}

// answer is the problem that is answered, and who answers it.
func (l till) answer(from io.Reader) problem {
	l.t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(from), nil)
	require.NoError(l.t, err)
	defer func() { _ = res.Body.Close() }()
	require.Equal(l.t, "application/problem+json", res.Header.Get("Content-Type"))
	var p problem
	require.NoError(l.t, json.NewDecoder(res.Body).Decode(&p))
	require.Equal(l.t, p.Status, res.StatusCode)
	p.Detail, err = strconv.Unquote(p.Detail)
	require.NoError(l.t, err)
	return p
}

// asks sends a request that keeps the connection, and returns the gateway that answers.
func (l till) asks() string {
	l.t.Helper()
	return l.send("KEEP").answer(l).Instance
}

// tries is asks where the connection may be ended instead, or not be made: then nobody answers.
func tries(t *testing.T, addr string) string {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		return ""
	}
	defer func() { _ = c.Close() }()
	l := till{c, t}
	require.NoError(t, c.SetDeadline(time.Now().Add(soon)))
	_, _ = io.WriteString(c, "KEEP")
	first := make([]byte, 1)
	if n, _ := c.Read(first); n == 0 {
		return ""
	}
	return l.answer(io.MultiReader(bytes.NewReader(first), c)).Instance
}

// until waits for what must come soon.
func until(t *testing.T, come func() bool, what string) {
	t.Helper()
	for begin := time.Now(); !come(); <-time.After(time.Millisecond) {
		require.Less(t, time.Since(begin), soon, what)
	}
}

// soonAt expects tills that send again to be with a gateway soon, and to stay there.
func soonAt(t *testing.T, addr, name string) {
	t.Helper()
	until(t, func() bool { return tries(t, addr) == name }, "tills come to "+name)
	for range 4 { // and they stay, so that another would have fewer
		require.Equal(t, name, call(t, addr).asks())
	}
}

// isKnown waits until the balancer has seen twice how the gateway is, and so has acted on it once.
func (g *standIn) isKnown(t *testing.T) {
	t.Helper()
	seen := func() int {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.checks
	}
	twice := seen() + 2
	until(t, func() bool { return seen() >= twice }, g.name+" is checked")
}

// raw is what tills, other programs and strangers send; services/gateway/internal/api/wire_test.go has what a gateway answers.
