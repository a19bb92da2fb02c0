package gateway_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/shared/config"
)

// prepared is how pgx asks for a COMMIT: by the name that it gave the statement, behind the portal's empty one (Bind).
var prepared = func() []byte {
	digest := sha256.Sum256([]byte("COMMIT"))
	return []byte("\x00stmtcache_" + hex.EncodeToString(digest[:24]) + "\x00")
}()

// cutter is a proxy between the gateway and Postgres that cuts a connection at a COMMIT.
type cutter struct {
	listener net.Listener
	upstream string
	at       []byte       // what is taken for a COMMIT
	cut      atomic.Int32 // COMMITs still to cut
	forward  atomic.Bool  // whether Postgres gets to see them
	shut     atomic.Bool  // whether nobody gets through any more after the cut
	running  sync.WaitGroup
	mu       sync.Mutex
	conns    []net.Conn
}

func newCutter(t *testing.T, gatewayURL string) (*cutter, string) {
	t.Helper()
	u, err := url.Parse(gatewayURL)
	require.NoError(t, err)
	c := &cutter{upstream: u.Host, at: prepared}
	c.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u.Host = c.listener.Addr().String()
	c.running.Go(func() {
		for {
			conn, err := c.listener.Accept()
			if err != nil {
				return
			}
			c.running.Go(func() { c.serve(conn) })
		}
	})
	t.Cleanup(func() {
		c.listener.Close()
		c.mu.Lock()
		for _, conn := range c.conns {
			conn.Close()
		}
		c.mu.Unlock()
		c.running.Wait()
	})
	return c, u.String()
}

func (c *cutter) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.upstream)
	if err != nil {
		return
	}
	defer server.Close()
	c.mu.Lock()
	c.conns = append(c.conns, client, server)
	c.mu.Unlock()
	var mute atomic.Bool
	c.running.Go(func() {
		buffer := make([]byte, 32<<10)
		for {
			n, err := server.Read(buffer)
			if mute.Load() {
				client.Close() // the answer to the COMMIT never arrives
				return
			}
			if err != nil {
				client.Close()
				return
			}
			_, _ = client.Write(buffer[:n])
		}
	})
	buffer := make([]byte, 32<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if bytes.Contains(buffer[:n], c.at) && c.cut.Add(-1) >= 0 {
			if c.shut.Load() {
				c.listener.Close()
				return
			}
			if !c.forward.Load() {
				return
			}
			mute.Store(true)
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func TestACommitWithoutAnAnswerIsLookedInto(t *testing.T) {
	shop := setup(t)
	cut, through := newCutter(t, shop.db.Gateway)
	till := shop.till.at(shop.addGateway(func(c *gateway.Config) { c.DBURL = config.Secret(through) }))
	for name, reaches := range map[string]bool{"it happened": true, "it did not happen": false} {
		before, key := shop.sales(), newKey()
		cut.forward.Store(reaches)
		cut.cut.Store(1)
		first := till.post(key, tea)
		require.Equal(t, http.StatusCreated, first.Status, "%s: %s", name, first.Body)
		require.Less(t, cut.cut.Load(), int32(1), "no COMMIT was cut")
		again, _ := till.sell(key, tea)
		require.Equal(t, string(first.Body), string(again.Body))
		require.Equal(t, before+1, shop.sales())
	}
}

func TestACommitThatNobodyCanLookIntoIsSaidToBeUnknown(t *testing.T) {
	shop := setup(t)
	cut, through := newCutter(t, shop.db.Gateway)
	g := shop.addGateway(func(c *gateway.Config) { c.DBURL = config.Secret(through) })
	cut.shut.Store(true)
	cut.cut.Store(1)
	key := newKey()
	till := shop.till.at(g)
	replies := together(2, func(int) reply { // the second finds out what the first does
		r, err := till.try(http.MethodPost, "/record", tea, "Idempotency-Key", key)
		if err != nil {
			t.Error(err)
		}
		return r
	})
	unknown := 0
	for _, r := range replies {
		if read[struct{ Code string }](t, r).Code == "COMMIT_UNKNOWN" {
			refuses(t, r, 503, "COMMIT_UNKNOWN")
			unknown++
		}
	}
	require.NotZero(t, unknown)
	eventually(t, "the same key is recorded once by a gateway that can", func() error {
		if r := shop.till.post(key, tea); r.Status != http.StatusCreated {
			return fmt.Errorf("%d", r.Status)
		}
		return nil
	})
	require.Equal(t, 1, shop.sales())
}

func TestAGatewayThatCantKeepUpSaysSoBeforeTheQueueIsLong(t *testing.T) {
	shop := setup(t)
	shop.till.sell(newKey(), tea)
	conn, err := pgx.Connect(t.Context(), shop.db.Admin)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "LOCK TABLE sales.loyalty_account IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
	eventually(t, "a till is shed", func() error {
		codes := map[string]int{}
		for _, r := range together(40, func(int) reply {
			r, err := shop.till.try(http.MethodPost, "/record", tea, "Idempotency-Key", newKey())
			if err != nil {
				t.Error(err)
			}
			return r
		}) {
			codes[read[struct{ Code string }](t, r).Code]++
			require.Equal(t, 503, r.Status)
			require.NotEmpty(t, r.Header.Get("Retry-After"))
		}
		if codes["OVERLOADED"] == 0 {
			return fmt.Errorf("%v", codes)
		}
		return nil
	})
	require.NoError(t, tx.Rollback(t.Context()))
	shop.till.sell(newKey(), tea)
}

func TestAGatewayStartsBeforeItsServers(t *testing.T) {
	shop := setup(t)
	shop.nats.Stop()
	start := time.Now()
	early := shop.addGateway(func(c *gateway.Config) {
		c.DBURL, c.RedisURL = "postgres://gateway@127.0.0.1:1/x", "redis://127.0.0.1:1"
	})
	require.Less(t, time.Since(start), time.Second+busyMachine)
	till := shop.till.at(early)
	refuses(t, till.post(newKey(), tea), 503, "STORE_UNAVAILABLE")
	require.Equal(t, 503, till.do("GET", "/readyz", "").Status)
	require.Equal(t, 200, till.do("GET", "/healthz", "").Status)
	require.NoError(t, early.stop())

	shop.addGateway()
	require.NoError(t, shop.gates[0].stop())
	require.NoError(t, shop.nats.Restart(t.Context()))
	shop.newTill("s1", "t2") // answered by the one that started without NATS
}

func TestAStopRightAfterTheStart(t *testing.T) {
	shop := setup(t)
	for range 5 {
		require.NoError(t, shop.addGateway().stop())
	}
}
