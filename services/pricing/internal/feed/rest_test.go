package feed_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/pricing/internal/feed/feedtest"
	"github.com/tillseal/tillseal/services/pricing/internal/quote"
	"github.com/tillseal/tillseal/shared/money"
)

func TestASourceThatAsksToWaitIsLeftAlone(t *testing.T) {
	for name, c := range map[string]struct {
		fault  feedtest.Fault
		paused time.Duration
	}{
		"seconds":      {feedtest.Status(http.StatusTooManyRequests, "120"), 2 * time.Minute},
		"a date":       {feedtest.Status(http.StatusTooManyRequests, "Sun, 22 Nov 2026 12:03:01 GMT"), 3 * time.Minute},
		"nothing said": {feedtest.Status(http.StatusTooManyRequests, ""), time.Minute},
		"for ever":     {feedtest.Status(http.StatusTooManyRequests, "86400"), 15 * time.Minute},
		"overflowing":  {feedtest.Status(http.StatusTooManyRequests, "99999999999"), 15 * time.Minute},
		"absurd":       {feedtest.Status(http.StatusTooManyRequests, "99999999999999999999"), 15 * time.Minute},
		"busy":         {feedtest.Status(http.StatusServiceUnavailable, "30"), 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := setup(t, "coingecko", "wazirx")
			e.market.Fail(c.fault, "coingecko")
			e.poll()
			asked, _ := e.market.Asked("coingecko")
			require.Equal(t, 1, asked)
			require.Equal(t, e.clock.Now().Add(c.paused), e.state("coingecko").PausedUntil)
			e.market.Price("254321.17")
			for range 5 {
				e.poll()
			}
			asked, _ = e.market.Asked("coingecko")
			require.Equal(t, 1, asked)
			require.Equal(t, "closed", e.state("coingecko").Breaker, "it is well, only busy")
			e.clock.Forward(c.paused)
			e.poll()
			require.False(t, e.state("coingecko").Failing())
		})
	}
}

func (e *exchange) asked(source string) int {
	n, _ := e.market.Asked(source)
	return n
}

func TestABrokenSourceRestsWhileOthersGiveALivePrice(t *testing.T) {
	e := setup(t)
	e.market.Fail(feedtest.Status(http.StatusInternalServerError, ""), "coingecko")
	for range 3 {
		require.Equal(t, "closed", e.state("coingecko").Breaker)
		e.poll()
	}
	for round := range 2 {
		require.Equal(t, "open", e.state("coingecko").Breaker)
		for range 4 {
			e.poll()
			require.Equal(t, 3+round, e.asked("coingecko"), "it rests")
		}
		require.Equal(t, "half-open", e.state("coingecko").Breaker)
		if round == 1 {
			e.market.Price("254321.17")
		}
		e.poll()
		require.Equal(t, 4+round, e.asked("coingecko"), "it is asked whether it is back")
	}
	require.Equal(t, "closed", e.state("coingecko").Breaker)
	require.False(t, e.state("coingecko").Failing())
	require.Equal(t, 13, e.asked("wazirx"), "at each poll")
}

func TestBrokenSourcesAreAskedAtEachPollWhenNoneIsLeft(t *testing.T) {
	e := setup(t)
	e.poll()
	e.market.Fail(feedtest.Status(http.StatusInternalServerError, ""))
	for n := range 10 {
		e.poll()
		require.Equal(t, n+2, e.asked("coingecko"))
	}
	require.Equal(t, "open", e.state("coingecko").Breaker)
	e.clock.Forward(5 * time.Minute)
	e.poll()
	e.requirePrice(quote.Cached, "254321.17")
	e.market.Price("254400")
	e.poll()
	e.requirePrice(quote.Live, "254400")
}

func TestABrokenSourceThatAloneQuotesACurrencyIsAskedAtEachPoll(t *testing.T) {
	e := setup(t)
	usd, err := money.ParseCurrency("USD")
	require.NoError(t, err)
	e.currencies = append(e.currencies, usd)
	e.board, e.poller = e.replica(feedtest.Sources...)
	e.market.Fail(feedtest.Status(http.StatusInternalServerError, ""), "coingecko")
	for n := range 8 {
		e.poll()
		require.Equal(t, n+1, e.asked("coingecko"))
	}
	e.requirePrice(quote.Live, "254321.17")
}
