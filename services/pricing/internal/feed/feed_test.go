package feed_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/pricing/internal/feed"
	"github.com/tillseal/tillseal/services/pricing/internal/feed/feedtest"
	"github.com/tillseal/tillseal/services/pricing/internal/lastgood"
	"github.com/tillseal/tillseal/services/pricing/internal/quote"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const (
	pollEvery = time.Second
	secret    = "CG-k3y"
)

// clock moves only when a test moves it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// exchange is a market, the bucket, and one poller's board.
type exchange struct {
	t      *testing.T
	market *feedtest.Market
	clock  *clock
	store  lastgood.Store
	board  *quote.Board
	poller *feed.Poller
	log    *testkit.Log

	js         jetstream.JetStream
	currencies []money.Currency
}

func setup(t *testing.T, sources ...string) *exchange {
	e := &exchange{t: t, clock: &clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}, log: &testkit.Log{}}
	e.market = feedtest.Open("254321.17", e.clock.Now)
	t.Cleanup(e.market.Close)
	bus, err := stream.Connect("test", stream.Config{URL: config.Secret(testkit.NATS(t).URL()), PeakSalesPerSecond: 1},
		slog.New(slog.NewTextHandler(t.Output(), nil)))
	require.NoError(t, err)
	t.Cleanup(bus.Close)
	bucket, err := bus.Bucket(t.Context(), stream.BucketRates)
	require.NoError(t, err)
	e.js = bus.JS
	e.store = lastgood.Store{Bucket: bucket, MaxAge: time.Hour, Recreate: func(ctx context.Context) error {
		_, err := bus.Bucket(ctx, stream.BucketRates)
		return err
	}}
	inr, err := money.ParseCurrency("INR")
	require.NoError(t, err)
	e.currencies = []money.Currency{inr}
	if len(sources) == 0 {
		sources = feedtest.Sources
	}
	e.board, e.poller = e.replica(sources...)
	return e
}

// replica is a further poller, with a board of its own, on the same bucket and market.
func (e *exchange) replica(sources ...string) (*quote.Board, *feed.Poller) {
	cfg := feed.Settings{Currencies: e.currencies, PollEvery: pollEvery, Rule: quote.Rule{FreshFor: 5 * time.Minute, MaxAge: time.Hour}, Now: e.clock.Now}
	for _, name := range sources {
		s := feed.Source{Name: name, Base: config.Secret(e.market.URL())}
		if strings.HasPrefix(name, "coingecko") {
			s.Key = secret
		}
		cfg.Sources = append(cfg.Sources, s)
	}
	board := quote.NewBoard()
	poller, err := feed.NewPoller(context.Background(), cfg, board, e.store, slog.New(slog.NewTextHandler(e.log, nil)))
	require.NoError(e.t, err)
	e.t.Cleanup(poller.Close)
	return board, poller
}

// poll lets a poll's time pass and asks.
func (e *exchange) poll() {
	e.t.Helper()
	e.clock.Forward(pollEvery)
	require.NoError(e.t, e.poller.Refresh(e.t.Context()))
}

func (e *exchange) price() (tier quote.Tier, value string) { return e.priceOn(e.board) }

func (e *exchange) priceOn(board *quote.Board) (tier quote.Tier, value string) {
	inr, err := money.ParseCurrency("INR")
	require.NoError(e.t, err)
	q, err := board.Quote(inr, e.clock.Now())
	if err != nil {
		return "", ""
	}
	return q.Tier(), q.Rate().Value
}

func (e *exchange) state(source string) feed.State {
	for _, s := range e.poller.Sources() {
		if s.Name == source {
			return s
		}
	}
	require.FailNow(e.t, "no such source", source)
	return feed.State{}
}

func TestThePriceIsTheMedianOfThreeSources(t *testing.T) {
	e := setup(t)
	e.market.Price("250000", "wazirx")
	e.market.Price("255000.5", "coindcx")
	e.poll()
	tier, value := e.price()
	require.Equal(t, quote.Live, tier)
	require.Equal(t, "254321.17", value)
	inr, _ := money.ParseCurrency("INR")
	q, err := e.board.Quote(inr, e.clock.Now())
	require.NoError(t, err)
	var names, values []string
	for _, s := range q.Rate().Sources {
		names, values = append(names, s.Name), append(values, s.Value)
		require.Equal(t, "2026-11-22T12:00:01Z", s.ObservedAt)
		require.Equal(t, "2026-11-22T12:00:01Z", s.FetchedAt)
	}
	require.Equal(t, []string{"coindcx", "coingecko", "wazirx"}, names)
	require.Equal(t, []string{"255000.5", "254321.17", "250000"}, values, "as the sources wrote them")
}

func TestASourceThatMisbehavesIsDoneWithout(t *testing.T) {
	for name, c := range map[string]struct {
		fault feedtest.Fault
		says  string
	}{
		"slow":           {feedtest.Slow, "deadline exceeded"},
		"500":            {feedtest.Status(http.StatusInternalServerError, ""), "it answered 500"},
		"HTML":           {feedtest.Says("<!DOCTYPE html><title>Just a moment...</title>"), "not in the source's format"},
		"truncated":      {feedtest.Truncated, "unexpected EOF"},
		"cut off JSON":   {feedtest.Says(`{"ethereum":{"inr":2543`), "not in the source's format"},
		"NaN":            {feedtest.Says(`{"ethereum":{"inr":NaN,"last_updated_at":1795348800}}`), "not in the source's format"},
		"NaN as text":    {feedtest.Says(`{"ethereum":{"inr":"NaN","last_updated_at":1795348800}}`), "not in the source's format"},
		"an exponent":    {feedtest.Says(`{"ethereum":{"inr":2.5e400,"last_updated_at":1795348800}}`), "INR: the price must be a plain"},
		"zero":           {feedtest.Says(`{"ethereum":{"inr":0,"last_updated_at":1795348800}}`), "greater than zero"},
		"negative":       {feedtest.Says(`{"ethereum":{"inr":-254321.17,"last_updated_at":1795348800}}`), "plain positive"},
		"no time":        {feedtest.Says(`{"ethereum":{"inr":254321.17}}`), "has no time"},
		"of the future":  {feedtest.Says(feedtest.Body("coingecko", "254321.17", time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC))), "in the future"},
		"another answer": {feedtest.Says(`{"status":{"error_code":1020}}`), "no price in a currency"},
		"null":           {feedtest.Says(`{"ethereum":{"inr":null,"last_updated_at":1795348800}}`), "no price in a currency"},
		"huge":           {feedtest.Huge, "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := setup(t)
			e.market.Fail(c.fault, "coingecko")
			e.poll()
			tier, value := e.price()
			require.Equal(t, quote.Live, tier)
			require.Equal(t, "254321.17", value)
			s := e.state("coingecko")
			require.True(t, s.Failing())
			require.Contains(t, s.LastError, c.says)
			require.Empty(t, s.Values)
			require.False(t, e.state("wazirx").Failing())
		})
	}
}

func TestAnExchangeThatWritesNoPriceIsDoneWithout(t *testing.T) {
	e := setup(t)
	e.poll()
	e.market.Fail(feedtest.Says(`[{"market":"ETHINR","last_price":"NaN","timestamp":1795348800}]`), "coindcx")
	e.market.Fail(feedtest.Says(`{"symbol":"btcinr","lastPrice":"8950000","at":1795348800000}`), "wazirx")
	e.poll()
	require.Contains(t, e.state("coindcx").LastError, "INR: the price must be a plain")
	require.Contains(t, e.state("wazirx").LastError, "another market")
	tier, _ := e.price()
	require.Equal(t, quote.Live, tier, "one is left, near what they all answered")
}

func TestAStaleTimestampIsNoLivePrice(t *testing.T) {
	e := setup(t, "wazirx")
	e.market.Fail(feedtest.Says(feedtest.Body("wazirx", "254321.17", e.clock.Now().Add(-10*time.Minute))))
	e.poll()
	tier, _ := e.price()
	require.Empty(t, tier)
	require.Equal(t, "no source has a fresh price", e.poller.Verdicts()["INR"].Reason)
}

func TestASpikeOfOneSourceIsNotBelievedAndOneOfTwoIs(t *testing.T) {
	e := setup(t)
	e.poll()
	e.market.Price("381481.76", "coingecko") // half as much again
	e.poll()
	tier, value := e.price()
	require.Equal(t, quote.Live, tier)
	require.Equal(t, "254321.17", value)
	require.Equal(t, []string{"coingecko"}, e.poller.Verdicts()["INR"].Doubted)
	require.Contains(t, e.log.String(), "a source is not believed")
	e.market.Price("381481.75", "wazirx")
	e.poll()
	_, value = e.price()
	require.Equal(t, "381481.755", value)
}

func TestASpikeOfTheOnlySourceLeavesTheLastGoodPrice(t *testing.T) {
	e := setup(t, "coingecko")
	e.poll()
	e.market.Price("381481.76")
	e.poll()
	tier, value := e.price()
	require.Equal(t, quote.Cached, tier)
	require.Equal(t, "254321.17", value)
	e.clock.Forward(time.Hour)
	e.poll()
	tier, value = e.price()
	require.Equal(t, quote.Live, tier, "nothing is left to compare it with")
	require.Equal(t, "381481.76", value)
}

func TestAKeyGoesToItsSourceAndNowhereElse(t *testing.T) {
	e := setup(t, "coingecko")
	stranger := feedtest.Open("1", e.clock.Now)
	t.Cleanup(stranger.Close)
	e.poll()
	_, header := e.market.Asked("coingecko")
	require.Equal(t, secret, header.Get("x-cg-demo-api-key"))
	e.market.Fail(feedtest.Elsewhere(strings.Replace(stranger.URL(), "127.0.0.1", "localhost", 1) +
		"/api/v3/simple/price?ids=ethereum&precision=full&include_last_updated_at=true"))
	e.poll()
	asked, _ := stranger.Asked("coingecko")
	require.Zero(t, asked)
	require.Equal(t, "ask it: it redirects to another host", e.state("coingecko").LastError)
	require.NotContains(t, e.log.String(), secret)
}

func TestAMirrorOfThePaidPlanIsShownItsKey(t *testing.T) {
	e := setup(t, "coingecko-pro")
	e.poll()
	_, header := e.market.Asked("coingecko")
	require.Equal(t, secret, header.Get("x-cg-pro-api-key"))
	require.Empty(t, header.Get("x-cg-demo-api-key"))
	require.False(t, e.state("coingecko-pro").Failing())
}

func TestARedirectOnTheSameHostIsFollowed(t *testing.T) {
	e := setup(t, "coingecko", "wazirx")
	e.market.Fail(feedtest.Elsewhere("/sapi/v1/ticker/24hr?symbol=ethinr"), "coingecko") // another shape, but it arrives
	e.poll()
	require.Contains(t, e.state("coingecko").LastError, "no price in a currency")
	e.market.Fail(func(w http.ResponseWriter, r *http.Request, _ string) {
		http.Redirect(w, r, r.URL.String(), http.StatusFound)
	}, "coingecko")
	e.poll()
	require.Contains(t, e.state("coingecko").LastError, "redirects more than")
}

func TestTheTiersFallAndRecoverInOrder(t *testing.T) {
	e := setup(t)
	e.static(e.board, "200000")
	e.poll()
	e.requirePrice(quote.Live, "254321.17")
	e.market.Fail(feedtest.Status(http.StatusBadGateway, ""))
	e.clock.Forward(5*time.Minute - 2*pollEvery)
	e.poll()
	e.requirePrice(quote.Live, "254321.17")
	e.poll()
	e.requirePrice(quote.Cached, "254321.17")
	require.Contains(t, e.log.String(), "sales are priced at the last good rate")
	e.clock.Forward(54 * time.Minute)
	e.poll()
	e.requirePrice(quote.Cached, "254321.17")
	e.clock.Forward(time.Minute)
	e.poll()
	e.requirePrice(quote.Static, "200000")
	require.Equal(t, 1, strings.Count(e.log.String(), "NO MARKET PRICE"))
	e.clock.Forward(time.Minute)
	e.poll()
	require.Equal(t, 2, strings.Count(e.log.String(), "NO MARKET PRICE"), "nobody overlooks it")
	e.market.Price("260000")
	e.poll()
	e.requirePrice(quote.Live, "260000")
}

func TestOneRefreshIsInFlightWhoeverAsks(t *testing.T) {
	e := setup(t, "wazirx")
	arrived, release := make(chan struct{}), make(chan struct{})
	e.market.Fail(func(w http.ResponseWriter, _ *http.Request, well string) {
		close(arrived) // a second request would panic
		<-release
		_, _ = w.Write([]byte(well))
	})
	impatient, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { left <- e.poller.Refresh(impatient) }()
	<-arrived
	var waiting sync.WaitGroup
	for range 20 {
		waiting.Go(func() { _ = e.poller.Refresh(t.Context()) })
	}
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	close(release)
	waiting.Wait()
	tier, _ := e.price()
	require.Equal(t, quote.Live, tier, "who started it left, and it went on")
	asked, _ := e.market.Asked("wazirx")
	require.Equal(t, 1, asked)
}

func TestAPollerThatIsClosedAsksNobody(t *testing.T) {
	e := setup(t, "wazirx")
	arrived := make(chan struct{}, 1)
	e.market.Fail(func(w http.ResponseWriter, r *http.Request, well string) {
		arrived <- struct{}{}
		feedtest.Slow(w, r, well)
	})
	done := make(chan error, 1)
	go func() { done <- e.poller.Refresh(context.Background()) }()
	<-arrived
	e.poller.Close()
	require.NoError(t, <-done)
	require.False(t, e.state("wazirx").Failing(), "a stop proves nothing about the source")
}
