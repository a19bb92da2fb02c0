package feed_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/pricing/internal/feed/feedtest"
	"github.com/tillseal/tillseal/services/pricing/internal/quote"
	"github.com/tillseal/tillseal/shared/money"
)

// static sets a currency's rate as a person does.
func (e *exchange) static(board *quote.Board, rate string) {
	e.t.Helper()
	inr, err := money.ParseCurrency("INR")
	require.NoError(e.t, err)
	value, err := money.ParseDecimal(rate)
	require.NoError(e.t, err)
	board.Set(quote.Static, quote.Table{"INR": quote.StaticQuote(inr, value, e.clock.Now())})
}

func (e *exchange) requirePrice(tier quote.Tier, value string) {
	e.t.Helper()
	gotTier, gotValue := e.price()
	require.Equal(e.t, tier, gotTier)
	require.Equal(e.t, value, gotValue)
}

func TestASpikeOfTheOneSourceThatAnswersAtTheStartIsNotBelieved(t *testing.T) {
	e := setup(t)
	e.static(e.board, "254321.17")
	e.market.Fail(feedtest.Status(http.StatusBadGateway, ""), "coindcx", "wazirx")
	e.market.Price("381481.76", "coingecko") // half as much again
	e.poll()
	e.requirePrice(quote.Static, "254321.17")
	require.Contains(t, e.log.String(), "NO MARKET PRICE")
	require.Contains(t, e.poller.Verdicts()["INR"].Reason, "more than 25 % from the static rate 254321.17")
	require.Equal(t, []string{"coingecko"}, e.poller.Verdicts()["INR"].Doubted)

	e.market.Price("254200", "wazirx")
	e.poll()
	e.requirePrice(quote.Live, "254200")
	require.Equal(t, []string{"coingecko"}, e.poller.Verdicts()["INR"].Doubted, "and not the honest one")
	require.Contains(t, e.log.String(), "the live price depends on a single source")
}

func TestOneSourceOfThreeIsNotBelievedWithNothingToHoldItAgainst(t *testing.T) {
	e := setup(t)
	e.market.Fail(feedtest.Status(http.StatusBadGateway, ""), "coindcx", "wazirx")
	e.poll()
	e.requirePrice("", "")
	require.Contains(t, e.log.String(), "NO PRICE AT ALL")
	require.Equal(t, "one source of 3 is alone, and there is no price to compare it with", e.poller.Verdicts()["INR"].Reason)
}

func TestTheOnlySourceIsBelievedAndTheLogSaysSo(t *testing.T) {
	e := setup(t, "wazirx")
	e.poll()
	e.requirePrice(quote.Live, "254321.17")
	require.Contains(t, e.log.String(), "the live price depends on a single source")
}

func TestASourceThatIsAloneWalksNowhereEvenOverARestart(t *testing.T) {
	e := setup(t)
	e.poll()
	e.market.Fail(feedtest.Status(http.StatusBadGateway, ""), "coindcx", "wazirx")
	e.clock.Forward(5 * time.Minute) // what the others answered is old
	price := 254_321
	for range 2 {
		price = price * 104 / 100
		e.market.Price(strconv.Itoa(price), "coingecko")
		e.poll()
		e.board, e.poller = e.replica(feedtest.Sources...) // it knows what is in the bucket
	}
	e.poll()
	e.requirePrice(quote.Cached, "264493") // 4 % from what two answered
	require.Contains(t, e.poller.Verdicts()["INR"].Reason, "from 254321.17, the last price of two sources")

	e.clock.Forward(time.Hour) // what two answered has expired
	e.poll()
	e.requirePrice("", "")
	e.market.Price("400000")
	e.poll()
	e.requirePrice(quote.Live, "400000") // two are enough, wherever the price went
}

func TestAFrozenSourceWhoseClockIsAheadIsNotLiveForLonger(t *testing.T) {
	e := setup(t, "wazirx")
	e.market.Fail(feedtest.Says(feedtest.Body("wazirx", "254321.17", e.clock.Now().Add(2*time.Minute))))
	e.poll()
	e.clock.Forward(90 * time.Second)
	e.poll() // it answers the same again, still with a time in the future
	e.requirePrice(quote.Live, "254321.17")
	e.clock.Forward(4 * time.Minute)
	e.requirePrice(quote.Cached, "254321.17")
}
