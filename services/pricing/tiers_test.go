package pricing_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/pricing"
	"github.com/tillseal/tillseal/services/pricing/internal/feed/feedtest"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestAllFeedsDieUnderLoadAndComeBackAndEverySaleIsPriced(t *testing.T) {
	f := setupFed(t, "INR=200000")
	f.waitForTier("live")
	stop := f.sell()
	f.pricedAt("live")
	f.market.Fail(feedtest.Status(http.StatusServiceUnavailable, ""))
	s := f.waitFor("every source is failing", func(s sources) bool {
		return !slices.ContainsFunc(s.Sources, func(o source) bool { return o.State != "failing" })
	})
	require.Equal(t, "live", s.Currencies[0].Tier, "what they answered last is fresh")
	require.Equal(t, "it answered 503", s.Sources[0].LastError)

	f.clock.Forward(5 * time.Minute)
	f.waitForTier("cached")
	f.pricedAt("cached")
	require.Contains(t, f.scrape(), `tillseal_pricing_source_up{source="wazirx"} 0`)
	f.clock.Forward(6 * time.Hour)
	f.waitForTier("static")
	f.pricedAt("static")
	f.waitFor("it says why", func(s sources) bool { return s.Currencies[0].NotLive == "no source has a fresh price" })

	f.market.Price("260000")
	f.waitForTier("live")
	before := stop()
	f.record(recorded(tea(before + 1)))
	require.Equal(t, []string{"live", "cached", "static", "live"}, f.tiers(before+1))
	all := f.read(stream.SalesPriced, uint64(before+1))
	require.Equal(t, "260000", decode[event.SalePriced](t, all[before].Data).Rate.Value)
}

// pricedAt waits until a sale was priced at a tier.
func (f *fed) pricedAt(tier string) {
	f.t.Helper()
	testkit.Eventually(f.t, soon, "a sale at tier "+tier, func() error {
		if strings.Contains(f.scrape(), fmt.Sprintf("tillseal_pricing_priced_total{tier=%q} 0\n", tier)) {
			return io.ErrNoProgress
		}
		return nil
	})
}

func TestASpikeOfOneSourceIsShownAndNotBelieved(t *testing.T) {
	f := setupFed(t, "INR=200000")
	f.waitForTier("live")
	f.market.Price("381481.76", "coingecko")
	s := f.waitFor("the spike is seen", func(s sources) bool { return slices.Equal(s.Currencies[0].Doubted, []string{"coingecko"}) })
	require.Equal(t, "254321.17", s.Currencies[0].Value)
	require.Equal(t, "50.00", s.Currencies[0].Spread)
	require.Regexp(t, `^.+/\d+$`, s.Instance, "which replica answers")
	require.Contains(t, f.scrape(), `tillseal_pricing_spread_ratio{currency="INR"} 0.5`)
	require.Contains(t, f.scrape(), `tillseal_pricing_source_breaker{source="coingecko",state="closed"} 1`)
	f.record(recorded(tea(1)))
	rate := decode[event.SalePriced](t, f.read(stream.SalesPriced, 1)[0].Data).Rate
	require.Equal(t, "254321.17", rate.Value)
	require.Len(t, rate.Sources, 2)
}

// logbook keeps what a service logs.
type logbook struct{ testkit.Log }

// lines are those that hold all of these texts.
func (l *logbook) lines(texts ...string) (n int) {
	for line := range strings.Lines(l.String()) {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
			n++
		}
	}
	return n
}

func TestStaticRatesAreTalkedOfEveryMinuteWithAndWithoutFeeds(t *testing.T) {
	log, clock := &logbook{}, &clock{}
	setup(t, "INR=200000,USD=3050.12", func(cfg *pricing.Config) { cfg.Clock, cfg.Telemetry.LogOutput = clock.Now, log })
	remindedOf := func(n int, texts ...string) {
		t.Helper()
		texts = append(texts, "NO MARKET PRICE")
		testkit.Eventually(t, soon, fmt.Sprintf("%d reminders %v", n, texts), func() error {
			if got := log.lines(texts...); got != n {
				return fmt.Errorf("%d in %s", got, log)
			}
			return nil
		})
	}
	remindedOf(1, "INR,USD", "RATE_FEEDS is empty", "WARN")
	clock.Forward(remindEvery)
	remindedOf(2, "INR,USD", "RATE_FEEDS is empty", "WARN")

	f := &fed{clock: clock}
	f.market = feedtest.Open("254321.17", clock.Now)
	t.Cleanup(f.market.Close)
	log = &logbook{}
	setup(t, "INR=200000,USD=3050.12", f.feed, func(cfg *pricing.Config) { cfg.Telemetry.LogOutput = log })
	remindedOf(1, `"USD"`, "it is not one of RATE_CURRENCIES", "WARN")
	clock.Forward(remindEvery)
	remindedOf(2, `"USD"`, "it is not one of RATE_CURRENCIES", "WARN")
	require.Equal(t, 2, log.lines("NO MARKET PRICE"), "INR is live")
}

func TestARestartWithoutFeedsStartsAtTheLastGoodRate(t *testing.T) {
	f := setupFed(t, "INR=200000")
	f.waitForTier("live")
	f.stop()
	f.market.Fail(feedtest.Status(http.StatusBadGateway, ""))
	cfg := configOf(t, f.url, "INR=200000")
	f.feed(&cfg)
	f.startAs(cfg)
	f.record(recorded(tea(1)))
	priced := decode[event.SalePriced](t, f.read(stream.SalesPriced, 1)[0].Data)
	require.Equal(t, "cached", priced.Rate.Tier)
	require.Equal(t, "1000000000000000000", priced.AmountWei)
	require.Len(t, priced.Rate.Sources, 3)
	require.NotEmpty(t, priced.Rate.Sources[0].FetchedAt)
}

func TestADeletedBucketComesBackWithoutARestart(t *testing.T) {
	f := setupFed(t, "INR=200000")
	require.NoError(t, f.bus.JS.DeleteKeyValue(t.Context(), stream.BucketRates))
	testkit.Eventually(t, soon, "the last good rate is kept again", func() error {
		bucket, err := f.bus.JS.KeyValue(t.Context(), stream.BucketRates)
		if err != nil {
			return err
		}
		_, err = bucket.Get(t.Context(), "INR")
		return err
	})
}

func TestAnOperatorSeesWhereAPriceComesFromAndHasTheSourcesAskedAgain(t *testing.T) {
	f := setupFed(t, "USD=3050.12")
	type answer struct {
		AmountWei string `json:"amount_wei"`
		Tier, Age string
		Rate      event.Rate
	}
	got, err := stream.Ask[answer](t.Context(), f.bus, "ops.pricing.quote", map[string]string{"currency": "INR", "total": "499.00"})
	require.NoError(t, err)
	require.Equal(t, "live", got.Tier)
	require.Equal(t, "1962085971844185", got.AmountWei)
	require.Len(t, got.Rate.Sources, 3)
	age, err := time.ParseDuration(got.Age)
	require.NoError(t, err)
	require.Less(t, age, time.Minute)
	got, err = stream.Ask[answer](t.Context(), f.bus, "ops.pricing.quote", map[string]string{"currency": "USD", "total": "3050.12"})
	require.NoError(t, err)
	require.Equal(t, "static", got.Tier)

	f.market.Price("255000")
	testkit.Eventually(t, soon, "a refresh brings it", func() error {
		s, err := stream.Ask[sources](t.Context(), f.bus, "ops.pricing.sources.refresh", struct{}{})
		require.NoError(t, err)
		if s.Currencies[0].Value != "255000" {
			return fmt.Errorf("it is %s", s.Currencies[0].Value)
		}
		return nil
	})
}

func TestAKeyIsReadFromItsFileAndShownNowhere(t *testing.T) {
	const key = "CG-k3y"
	f := &fed{clock: &clock{}, metrics: fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t))}
	f.market = feedtest.Open("254321.17", f.clock.Now)
	t.Cleanup(f.market.Close)
	file, log := filepath.Join(t.TempDir(), "key"), &logbook{}
	require.NoError(t, os.WriteFile(file, []byte(key+"\n"), 0o600))
	withKey := func(path string) func(*pricing.Config) {
		return func(cfg *pricing.Config) {
			cfg.RateFeedKeyFiles, cfg.Telemetry.LogOutput, cfg.Telemetry.LogLevel = pricing.KeyFiles{"coingecko": path}, log, "debug"
		}
	}
	f.shop = setup(t, "INR=1", f.feed, withKey(file))
	_, header := f.market.Asked("coingecko")
	require.Equal(t, key, header.Get("x-cg-demo-api-key"))

	repeat := func(w http.ResponseWriter, r *http.Request, _ string) { // it repeats what it was sent, wherever that may be quoted
		w.Header()["Location"] = []string{"http://[" + r.Header.Get("x-cg-demo-api-key")}
		w.WriteHeader(http.StatusFound)
	}
	f.market.Fail(repeat, "coingecko")
	f.waitFor("its error", func(s sources) bool { return s.Sources[1].State == "failing" })
	answer, err := f.bus.Conn.Request("ops.pricing.sources", nil, soon)
	require.NoError(t, err)
	require.Contains(t, string(answer.Data), "it redirects to an invalid URL")
	require.Contains(t, f.scrape(), `tillseal_pricing_source_up{source="coingecko"} 0`)
	for where, text := range map[string]string{"sources": string(answer.Data), "metrics": f.scrape(), "log": log.String()} {
		require.NotEmpty(t, text, where)
		require.NotContains(t, text, key, where)
	}

	for name, path := range map[string]string{"missing": file + "x", "empty": os.DevNull, "a directory": t.TempDir()} {
		cfg := configOf(t, f.url, "INR=1")
		f.feed(&cfg)
		withKey(path)(&cfg)
		err := pricing.Run(t.Context(), cfg)
		require.True(t, fault.Is(err, fault.Invalid), name)
		require.ErrorContains(t, err, "RATE_FEED_KEY_FILES", name)
	}
}
