package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/testkit"
)

// lineTo is a network line to Redis whose quality a test decides, and the URL at its near end.
func (s *shop) lineTo() (line *toxiproxy.Proxy, through config.Secret) {
	s.t.Helper()
	u, err := url.Parse(s.redis.URL())
	require.NoError(s.t, err)
	line = toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "redis",
		fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(s.t)), u.Host) // where it listens again after a Stop
	require.NoError(s.t, line.Start())
	s.t.Cleanup(line.Stop)
	u.Host = line.Listen
	return line, config.Secret(u.String())
}

// metric reads one of a gateway's gauges.
func metric(addr, name string) (string, error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		return "", err
	}
	r, err := exchange(req)
	if err != nil {
		return "", err
	}
	for line := range strings.SplitSeq(string(r.Body), "\n") {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return value, nil
		}
	}
	return "", fmt.Errorf("there is no metric %s", name)
}

func TestASlowRedisIsLeftAloneUntilItIsQuickAgain(t *testing.T) {
	shop := setup(t)
	line, through := shop.lineTo()
	metrics := fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t))
	till := shop.till.at(shop.addGateway(func(c *gateway.Config) { c.RedisURL, c.Telemetry.MetricsAddr = through, metrics }))
	breaker := func(want string) func() error {
		return func() error {
			till.sell(newKey(), tea)
			if is, err := metric(metrics, "tillseal_gateway_redis_breaker_open"); err != nil || is != want {
				return fmt.Errorf("%w %s", err, is)
			}
			return nil
		}
	}
	key := newKey()
	first, _ := till.sell(key, tea)
	require.NoError(t, breaker("0")())

	const slow = 30 * time.Second // what an answer would take that waits for Redis
	_, err := line.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"name":"slow","type":"latency","attributes":{"latency":%d}}`, slow.Milliseconds())))
	require.NoError(t, err)
	start := time.Now()
	eventually(t, "the breaker opens", breaker("1"))
	again, _ := till.sell(key, tea)
	require.Equal(t, string(first.Body), string(again.Body))
	require.Less(t, time.Since(start), slow, "the tills waited for Redis")

	require.NoError(t, line.Toxics.RemoveToxic(t.Context(), "slow"))
	eventually(t, "Redis is used again", breaker("0"))
	again, _ = till.sell(key, tea)
	require.Equal(t, string(first.Body), string(again.Body))
}

// TestAClaimThatIsLostWithItsRedisMakesNoSecondSale replaces Redis by an empty one while a sale with a claim waits for its commit,
// and sends the sale to another gateway, which finds no claim in the way.
func TestAClaimThatIsLostWithItsRedisMakesNoSecondSale(t *testing.T) {
	shop := setup(t)
	other := shop.addGateway()
	const guests = `{"currency":"INR","total":"10"}`          // no account's lock puts one gateway after the other
	eventually(t, "a sale outlives its Redis", func() error { // the hand-over may take longer than a commit may be held up
		before, key := shop.sales(), newKey()
		release := shop.lockSales()
		defer release()
		replies := make(chan reply, 2)
		post := func(to *till) {
			r, err := to.try(http.MethodPost, "/record", guests, "Idempotency-Key", key)
			if err != nil {
				t.Error(err)
			}
			replies <- r
		}
		go post(shop.till)
		eventually(t, "the sale is claimed", func() error { return shop.keys("tillseal:record2:*:"+key, 1) })
		shop.redis.Kill()
		require.NoError(t, shop.redis.Restart(t.Context()))
		require.NoError(t, shop.keys("*", 0))
		go post(shop.till.at(other))
		eventually(t, "two gateways want to commit it", func() error {
			if n := query[int](shop, "SELECT count(*)::int FROM pg_locks l JOIN pg_stat_activity USING (pid) "+
				"WHERE NOT granted AND usename = 'gateway' AND datname = current_database()"); n < 2 && len(replies) == 0 {
				return fmt.Errorf("%d wait", n)
			}
			return nil
		})
		release()
		one, two := <-replies, <-replies
		if one.Status != http.StatusCreated || two.Status != http.StatusCreated {
			return fmt.Errorf("%d %d %s %s", one.Status, two.Status, one.Body, two.Body)
		}
		require.Equal(t, string(one.Body), string(two.Body))
		require.Equal(t, before+1, shop.sales())
		again, _ := shop.till.sell(key, guests)
		require.Equal(t, string(one.Body), string(again.Body))
		return nil
	})
}

// lockSales lets every gateway read what is stored under a key, and none write.
func (s *shop) lockSales() (release func()) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.db.Admin)
	require.NoError(s.t, err)
	_, err = conn.Exec(s.t.Context(), "BEGIN; LOCK TABLE sales.sale IN SHARE MODE")
	require.NoError(s.t, err)
	return sync.OnceFunc(func() { require.NoError(s.t, conn.Close(context.Background())) })
}

// keys reports whether Redis has n keys of this pattern.
func (s *shop) keys(pattern string, n int) error {
	options, err := redis.ParseURL(s.redis.URL())
	if err != nil {
		return err
	}
	client := redis.NewClient(options)
	defer client.Close()
	found, err := client.Keys(s.t.Context(), pattern).Result()
	if len(found) != n {
		err = errors.Join(err, fmt.Errorf("%d keys", len(found)))
	}
	return err
}
