package composetest

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
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
			p := l.answer(strings.NewReader(answer))
			require.Equal(t, request, p.Detail)
			require.Contains(t, []string{one.answer(request), two.answer(request)}, answer, "to the byte")
		})
	}
	for name, request := range map[string]string{"half a request": raw["half a request"], "half a body": raw["half a body"], "one letter": "G"} {
		t.Run(name+" that waits", func(t *testing.T) {
			t.Parallel()
			l := call(t, addr).send(request)
			require.Equal(t, request, l.answer(strings.NewReader(l.rest())).Detail)
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
	until(t, func() bool { return tries(t, addr) != "" }, "a gateway that is not ready is reported as such")
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
