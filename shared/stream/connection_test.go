package stream_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// link passes bytes on to a server until it is frozen: then both ends hear nothing, and neither sees the connection close.
type link struct {
	listener net.Listener
	frozen   atomic.Bool
	to       string
	conns    sync.WaitGroup
}

func newLink(t *testing.T, to string) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &link{listener: listener, to: to}
	ended := make(chan struct{})
	l.conns.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			l.conns.Go(func() { l.serve(conn, ended) })
		}
	})
	t.Cleanup(func() { close(ended); _ = listener.Close(); l.conns.Wait() })
	return l
}

func (l *link) serve(conn net.Conn, ended <-chan struct{}) {
	defer conn.Close()
	upstream, err := net.Dial("tcp", l.to)
	if err != nil {
		return
	}
	defer upstream.Close()
	frozen := l.frozen.Load // a connection that was opened later than the freeze lives
	if frozen() {
		frozen = func() bool { return false }
	}
	both := make(chan struct{}, 2)
	pass := func(to io.Writer, from io.Reader) {
		defer func() { both <- struct{}{} }()
		buffer := make([]byte, 32<<10)
		for {
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			if !frozen() {
				_, _ = to.Write(buffer[:n])
			}
		}
	}
	go pass(upstream, conn)
	go pass(conn, upstream)
	select {
	case <-both:
	case <-ended:
	}
	_, _ = conn.Close(), upstream.Close()
	<-both
}

func TestAServerThatHangsWithoutClosingIsLeftForANewConnection(t *testing.T) {
	t.Parallel()
	direct, publisher := setup(t)
	way := newLink(t, "127.0.0.1:"+strconv.Itoa(direct.Port()))
	bus, err := stream.Connect("pricing", stream.Config{URL: config.Secret("nats://" + way.listener.Addr().String()), PeakSalesPerSecond: 1},
		slog.New(slog.NewTextHandler(t.Output(), nil)))
	require.NoError(t, err)
	t.Cleanup(bus.Close)
	var h till
	consume(t, bus, &h)
	require.NoError(t, publisher.PublishAll(t.Context(), sales(5)))
	allHandled(t, &h, 5)
	way.frozen.Store(true)
	require.NoError(t, publisher.PublishAll(t.Context(), sales(10)[5:]))
	allHandled(t, &h, 10)
}

func TestALoginThatIsRefusedForAWhileDoesNotEndTheConnection(t *testing.T) {
	t.Parallel()
	login := func(password string) func(*local.NATSConfig) {
		return func(c *local.NATSConfig) { c.Base = &server.Options{Username: "till", Password: password} }
	}
	first := testkit.NATS(t, login("right"))
	refused := make(refusals, 100)
	bus, err := stream.Connect("pricing", stream.Config{URL: config.Secret("nats://till:right@127.0.0.1:" + strconv.Itoa(first.Port())), PeakSalesPerSecond: 1},
		slog.New(slog.NewTextHandler(t.Output(), nil)))
	require.NoError(t, err)
	t.Cleanup(bus.Close)
	require.NoError(t, bus.Ensure(t.Context()))
	first.Stop()
	same := func(c *local.NATSConfig) { c.Port = first.Port() }
	second := testkit.NATS(t, login("wrong"), same, func(c *local.NATSConfig) { c.Log = slog.New(slog.NewTextHandler(refused, nil)) })
	for range 3 {
		select {
		case <-refused:
		case <-time.After(soon):
			require.FailNow(t, "it no longer tries to log in")
		}
	}
	second.Stop()
	testkit.NATS(t, login("right"), same)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	require.NoError(t, bus.Ensure(ctx))
	require.NoError(t, ctx.Err())
}

// refusals is a server's log of which only the refused logins count.
type refusals chan struct{}

func (r refusals) Write(line []byte) (int, error) {
	if bytes.Contains(bytes.ToLower(line), []byte("authentication error")) {
		select {
		case r <- struct{}{}:
		default:
		}
	}
	return len(line), nil
}
