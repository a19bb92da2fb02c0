package composetest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The gateways trust the load balancer's network, and no other.
func TestTheGatewaysTrustTheNetworkOfTheLoadBalancer(t *testing.T) {
	p := project(t)
	subnets := p.Networks["default"].Ipam.Config
	require.Len(t, subnets, 1)
	_, err := netip.ParsePrefix(subnets[0].Subnet)
	require.NoError(t, err)
	for _, gateway := range []string{"gateway-1", "gateway-2"} {
		require.Equal(t, subnets[0].Subnet, *p.Services[gateway].Environment["TRUSTED_PROXIES"])
		require.Empty(t, p.Services[gateway].Ports, "who comes past the load balancer would be trusted")
	}
	balancer := p.Services["loadbalancer"]
	require.Equal(t, subnets[0].Subnet, *balancer.Environment["NETWORK_SUBNET"], "where Docker forwards from")
	mounted := map[string]string{}
	for _, mount := range balancer.Volumes {
		mounted[mount.Target] = mount.Source
	}
	for _, file := range []string{"haproxy.cfg", "in-front.txt"} {
		require.True(t, strings.HasSuffix(mounted[containers+file], "/infra/docker/"+file), file)
	}
}

// standIn is a gateway to the balancer. It reads what comes until its end, or for a moment, and answers with a problem that has
// every byte of it in its detail; what says nothing it hangs up, as a gateway does.
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

// over says that no more comes.
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

// told is the problem that is answered, and who answers it.
func (l till) told(from io.Reader) problem {
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
	return l.send("KEEP").told(l).Instance
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
	return l.told(io.MultiReader(bytes.NewReader(first), c)).Instance
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
var raw = map[string]string{
	"two lengths":           "POST /record HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\n",
	"the same length twice": "POST /record HTTP/1.1\r\nHost: x\r\nContent-Length: 0, 0\r\n\r\n",
	"length and chunked":    "POST /record HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"gzip and chunked":      "POST /record HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	"chunked in HTTP/1.0":   "POST /record HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"a chunk of no length":  "POST /record HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	"HTTP/2":                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
	"HTTP/2 by an upgrade": "GET /healthz HTTP/1.1\r\nHost: x\r\n" +
		"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
	"TLS":                     "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00\xff", 256),
	"the PROXY protocol":      "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
	"no Host":                 "GET /healthz HTTP/1.1\r\n\r\n",
	"two Hosts":               "GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
	"another's target":        "GET http://y/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
	"CONNECT":                 "CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
	"a method in lower case":  "get /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
	"HTTP/0.9":                "GET /healthz\r\n\r\n",
	"HTTP/9.9":                "GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n",
	"a folded line":           "GET /healthz HTTP/1.1\r\nHost: x\r\nX: y\r\n z\r\n\r\n",
	"a NUL":                   "GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
	"a bare LF":               "GET /healthz HTTP/1.1\nHost: x\n\n",
	"a header of 15,500":      "GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 15_500) + "\r\n\r\n",
	"a header of 40,000":      "GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 40_000) + "\r\n\r\n",
	"a target of 40,000":      "GET /" + strings.Repeat("x", 40_000) + " HTTP/1.1\r\nHost: x\r\n\r\n",
	"two hundred headers":     "GET /healthz HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: y\r\n", 200) + "\r\n",
	"another behind a good":   "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nPOST /record HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\n",
	"a batch of 4 MiB":        "POST /record/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 4194304\r\n\r\n" + strings.Repeat("x", 4<<20),
	"half a request":          "GET /healthz HTTP/1.1\r\nHos",
	"one letter":              "G",
	"an empty line":           "\r\n",
	"half a body":             "POST /record HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{",
	"a forged source":         "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n",
	"what expects to go on":   "POST /record HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
	"what expects other than": "POST /record HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: a miracle\r\n\r\n",
}

func TestTheGatewayReadsWhatTheTillSentAndTheTillWhatTheGatewayAnswered(t *testing.T) {
	t.Parallel()
	one, two := standsIn(t, "one"), standsIn(t, "two")
	addr := balance(t, one, two, elsewhere)
	for name, request := range raw {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := call(t, addr).send(request).over()
			answer := l.rest()
			p := l.told(strings.NewReader(answer))
			require.Equal(t, request, p.Detail)
			require.Contains(t, []string{one.answer(request), two.answer(request)}, answer, "to the byte")
		})
	}
	for name, request := range map[string]string{"half a request": raw["half a request"], "half a body": raw["half a body"], "one letter": "G"} {
		t.Run(name+" that waits", func(t *testing.T) {
			t.Parallel()
			l := call(t, addr).send(request)
			require.Equal(t, request, l.told(strings.NewReader(l.rest())).Detail)
		})
	}
}

// elsewhere is a network that nobody here is in (RFC 5737), here is one that everybody is in.
const elsewhere, here = "192.0.2.0/24", "127.0.0.0/8"

func TestATillWhoseGatewayGoesIsLeftWithNoMoreThanTheGatewaySaid(t *testing.T) {
	t.Parallel()
	one, two := standsIn(t, "one"), standsIn(t, "two")
	addr := balance(t, one, two, elsewhere)
	for _, half := range []string{"", "HTTP/1.1 201 Cre", "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"} {
		require.Equal(t, half, call(t, addr).send("DIE"+half).rest())
	}
}

func TestWhoeverHasNoGatewayIsHungUpWithoutAByte(t *testing.T) {
	t.Parallel()
	one, two := standsIn(t, "one"), standsIn(t, "two")
	addr := balance(t, one, two, elsewhere)
	kept := call(t, addr)
	kept.asks()
	one.die()
	two.die()
	require.Empty(t, kept.rest())
	require.Empty(t, tries(t, addr))
	<-time.After(10 * between) // the checks have seen it
	require.Empty(t, tries(t, addr))
}

func TestADeadGatewaysTillsComeToTheOtherAtOnce(t *testing.T) {
	t.Parallel()
	one, two := standsIn(t, "one"), standsIn(t, "two")
	addr := balance(t, one, two, elsewhere, "fall 5", "fall 1000") // no check sees it
	one.isKnown(t)
	one.die()
	for range 8 {
		require.Equal(t, "two", call(t, addr).asks())
	}
}

func TestTillsComeToAGatewayThatIsReadyAndWhereNoneIsToOneThatSaysSo(t *testing.T) {
	t.Parallel()
	one, two := standsIn(t, "one"), standsIn(t, "two")
	addr := balance(t, one, two, elsewhere)
	one.isKnown(t)
	two.isKnown(t)
	at := map[string]till{}
	for range 2 { // the one with fewer connections has the next
		l := call(t, addr)
		at[l.asks()] = l
	}
	require.Len(t, at, 2)

	one.become(false)
	require.Empty(t, at["one"].rest())
	soonAt(t, addr, "two")
	require.Equal(t, "two", at["two"].asks(), "nothing happened to who was there")

	two.become(false)
	require.Empty(t, at["two"].rest())
	until(t, func() bool { return tries(t, addr) != "" }, "a gateway that is not ready says so")
	unready := call(t, addr)
	unready.asks()

	two.become(true)
	require.Empty(t, unready.rest())
	soonAt(t, addr, "two")
	one.become(true)
	until(t, func() bool { return tries(t, addr) == "one" }, "the one with fewer connections has the next")
}

func TestASourceHasItsShareOfTheConnectionsUnlessItStandsInFront(t *testing.T) {
	t.Parallel()
	const share, few = "gt 512", "gt 2"
	require.Contains(t, read(t, "infra/docker/haproxy.cfg"), share)
	one, two := standsIn(t, "one"), standsIn(t, "two")
	addr := balance(t, one, two, elsewhere, share, few)
	first, second := call(t, addr), call(t, addr)
	first.asks()
	second.asks()
	require.Empty(t, tries(t, addr))
	require.NoError(t, first.Close())
	until(t, func() bool { return tries(t, addr) != "" }, "there is room again")

	list := filepath.Join(t.TempDir(), "in-front.txt")
	require.NoError(t, os.WriteFile(list, []byte(read(t, "infra/docker/in-front.txt")+"192.0.2.7\n"+here+"\n"), 0o600))
	listed := []string{share, few, containers + "in-front.txt", list}
	for _, front := range []string{balance(t, one, two, here, share, few), balance(t, one, two, elsewhere, listed...)} {
		for range 8 {
			call(t, front).asks()
		}
	}
}
