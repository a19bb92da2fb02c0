package gateway_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/testkit"
)

// line is a proxy between a gateway and Postgres that passes bytes on, to a new connection only after a delay.
type line struct {
	listener net.Listener
	upstream string
	running  sync.WaitGroup

	mu    sync.Mutex
	delay time.Duration // before a new connection is passed on
	conns []net.Conn
}

func newLine(t *testing.T, gatewayURL string) (*line, config.Secret) {
	t.Helper()
	u, err := url.Parse(gatewayURL)
	require.NoError(t, err)
	l := &line{upstream: u.Host}
	l.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u.Host = l.listener.Addr().String()
	ended := make(chan struct{})
	l.running.Go(func() {
		for {
			conn, err := l.listener.Accept()
			if err != nil {
				return
			}
			l.running.Go(func() { l.serve(conn, ended) })
		}
	})
	t.Cleanup(func() {
		close(ended)
		l.listener.Close()
		l.cut()
		l.running.Wait()
	})
	return l, config.Secret(u.String())
}

func (l *line) serve(client net.Conn, ended <-chan struct{}) {
	l.mu.Lock()
	l.conns = append(l.conns, client)
	delay := l.delay
	l.mu.Unlock()
	defer client.Close()
	select {
	case <-time.After(delay): // a handshake on a starved machine
	case <-ended:
		return
	}
	server, err := net.Dial("tcp", l.upstream)
	if err != nil {
		return
	}
	l.mu.Lock()
	l.conns = append(l.conns, server)
	l.mu.Unlock()
	defer server.Close()
	pass := func(to, from net.Conn) {
		defer to.Close()
		_, _ = io.Copy(to, from)
	}
	l.running.Go(func() { pass(client, server) })
	pass(server, client)
}

// slow delays the connections that are made from now on.
func (l *line) slow(delay time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = delay
}

// cut closes all connections, as a server that is killed does.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		conn.Close()
	}
	l.conns = nil
}

// backWithin is how soon a gateway takes sales of a Postgres that answers again.
const backWithin = 2 * time.Second

// requireBack has a till ask until its sale is taken, and n more in a row, all soon enough.
func requireBack(t *testing.T, till *till, n int) {
	t.Helper()
	begun := time.Now()
	testkit.Eventually(t, soon, "sales are taken again", func() error {
		if answer := till.post(newKey(), tea); answer.Status != http.StatusCreated {
			return fmt.Errorf("%d %s", answer.Status, answer.Body)
		}
		return nil
	})
	for range n {
		till.sell(newKey(), tea)
	}
	require.Less(t, time.Since(begun), backWithin+busyMachine)
}

func TestAPostgresToWhichConnectingTakesLongIsUsedAllTheSame(t *testing.T) {
	shop := setup(t)
	line, through := newLine(t, shop.db.Gateway)
	till := shop.till.at(shop.addGateway(func(c *gateway.Config) { c.DBURL = through }))
	till.sell(newKey(), tea)
	line.slow(700 * time.Millisecond) // beyond what a till's answer has time for
	line.cut()
	requireBack(t, till, 20)
}

func TestStreamsThatCannotBeSetUpAreLoggedAndTillsAreServed(t *testing.T) {
	shop := setup(t)
	alone := testkit.NATS(t) // nobody else makes the streams there
	gate := shop.addGateway(func(c *gateway.Config) {
		c.Stream.URL, c.Stream.Replicas = config.Secret(alone.URL()), 3 // which one server can't keep
	})
	require.Equal(t, http.StatusCreated, shop.till.at(gate).post(newKey(), tea).Status)
	testkit.Eventually(t, soon, "the log has the reason", func() error {
		for _, text := range []string{"the streams could not be set up: sales are recorded", "NATS_REPLICAS is 3"} {
			if !strings.Contains(gate.log.String(), text) {
				return errors.New(text)
			}
		}
		return nil
	})
}
