package pricing_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/pricing"
	"github.com/tillseal/tillseal/services/pricing/internal/feed/feedtest"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

const remindEvery = time.Minute

// clock is the time, and what a test adds to it.
type clock struct{ ahead atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) Forward(d time.Duration) { c.ahead.Add(int64(d)) }

// fed is a shop whose prices come from a market.
type fed struct {
	*shop
	market  *feedtest.Market
	clock   *clock
	metrics string
}

func feeds(m *feedtest.Market) string {
	var all []string
	for _, source := range feedtest.Sources {
		all = append(all, source+"="+m.URL())
	}
	return strings.Join(all, ",")
}

func setupFed(t *testing.T, static string) *fed {
	f := &fed{clock: &clock{}, metrics: fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t))}
	f.market = feedtest.Open("254321.17", f.clock.Now)
	t.Cleanup(f.market.Close)
	f.shop = setup(t, static, f.feed)
	return f
}

// feed sets what lets the service ask the market, every second.
func (f *fed) feed(cfg *pricing.Config) {
	if err := cfg.RateFeeds.UnmarshalText([]byte(feeds(f.market))); err != nil {
		panic(err)
	}
	cfg.RatePoll, cfg.Telemetry.MetricsAddr, cfg.Clock = time.Second, f.metrics, f.clock.Now
}

type sources struct {
	Instance   string
	Currencies []struct {
		Currency, Tier, Value, Age string
		Sales                      string
		Spread                     string `json:"spread_percent"`
		Doubted                    []string
		NotLive                    string `json:"not_live_because"`
	}
	Others  string `json:"other_currencies"`
	Sources []source
}

type source struct {
	Name, State, Breaker string
	Values               []event.RateSource
	LastError            string `json:"last_error"`
}

func (f *fed) sources() sources {
	f.t.Helper()
	answer, err := stream.Ask[sources](f.t.Context(), f.bus, "ops.pricing.sources", struct{}{})
	require.NoError(f.t, err)
	return answer
}

// waitFor waits until the sources' answer is as a test wants it.
func (f *fed) waitFor(what string, holds func(sources) bool) sources {
	f.t.Helper()
	var last sources
	testkit.Eventually(f.t, soon, what, func() error {
		if last = f.sources(); !holds(last) {
			return fmt.Errorf("it is %+v", last)
		}
		return nil
	})
	return last
}

func (f *fed) waitForTier(tier string) {
	f.t.Helper()
	f.waitFor("tier "+tier, func(s sources) bool { return s.Currencies[0].Tier == tier })
	require.Contains(f.t, f.scrape(), fmt.Sprintf(`tillseal_pricing_tier_in_use{currency="INR",tier=%q} 1`, tier))
}

func (f *fed) scrape() string {
	res, err := http.Get("http://" + f.metrics + "/metrics")
	require.NoError(f.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(f.t, err)
	return string(body)
}

// sell sells tea without a pause until the returned function is called, which returns how much was sold.
func (f *fed) sell() (stop func() int) {
	ctx, cancel := context.WithCancel(f.t.Context())
	sold := 0
	var selling sync.WaitGroup
	selling.Go(func() {
		for ctx.Err() == nil {
			var msgs []*nats.Msg
			for range 20 {
				sold++
				msgs = append(msgs, recorded(tea(sold)))
			}
			if err := f.bus.PublishAll(context.WithoutCancel(ctx), msgs); err != nil {
				f.t.Errorf("record: %v", err)
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond): // 2,000 a second leave the machine to others
			}
		}
	})
	return func() int { cancel(); selling.Wait(); return sold }
}

func tea(n int) event.SaleRecorded { return sold(n, "INR", "254321.17") }

// tiers are those that sales were priced at, in the order of the stream, without repeats; each sale once.
func (f *fed) tiers(n int) []string {
	f.settled()
	var tiers []string
	seen := map[string]bool{}
	for _, msg := range f.read(stream.SalesPriced, uint64(n)) {
		e := decode[event.SalePriced](f.t, msg.Data)
		require.False(f.t, seen[e.SaleID])
		seen[e.SaleID] = true
		tiers = append(tiers, e.Rate.Tier)
	}
	require.Len(f.t, seen, n)
	return slices.Compact(tiers)
}
