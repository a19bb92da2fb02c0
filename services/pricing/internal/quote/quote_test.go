package quote_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/services/pricing/internal/quote"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
)

var since = time.Date(2026, 11, 22, 4, 45, 31, 0, time.UTC)

func currency(t testing.TB, code string) money.Currency {
	t.Helper()
	c, err := money.ParseCurrency(code)
	require.NoError(t, err)
	return c
}

func decimal(t require.TestingT, text string) money.Decimal {
	d, err := money.ParseDecimal(text)
	require.NoError(t, err)
	return d
}

// liveQuote is the quote from one source that answered value.
func liveQuote(t testing.TB, value string) quote.Quote {
	return rule.Decide([]quote.Observation{said(t, "coingecko", value, 0)}, quote.Reference{}, since).Quote
}

func TestTheBestTierThatKnowsACurrencyPricesIt(t *testing.T) {
	inr, usd, eur := currency(t, "INR"), currency(t, "USD"), currency(t, "EUR")
	board := quote.NewBoard()
	board.Set(quote.Static, quote.Table{
		"INR": quote.StaticQuote(inr, decimal(t, "250000"), since),
		"USD": quote.StaticQuote(usd, decimal(t, "3000"), since),
	})
	board.Set(quote.Live, quote.Table{"INR": liveQuote(t, "254321.17")})

	q, err := board.Quote(inr, since)
	require.NoError(t, err)
	require.Equal(t, quote.Live, q.Tier())
	q, err = board.Quote(usd, since)
	require.NoError(t, err)
	require.Equal(t, quote.Static, q.Tier())
	_, err = board.Quote(eur, since)
	require.True(t, fault.Is(err, fault.Invalid))
	require.ErrorContains(t, err, "EUR")

	board.Set(quote.Live, nil)
	q, err = board.Quote(inr, since)
	require.NoError(t, err)
	require.Equal(t, quote.Static, q.Tier(), "a tier that fell leaves the next")
}

func TestAStaticRateNamesItselfAsItsSource(t *testing.T) {
	rate := quote.StaticQuote(currency(t, "INR"), decimal(t, "254321.17"), since).Rate()
	require.Equal(t, "254321.17", rate.Value)
	require.Equal(t, "static", rate.Tier)
	require.Equal(t, []event.RateSource{{Name: "static", Value: "254321.17", ObservedAt: "2026-11-22T04:45:31Z"}}, rate.Sources)
	require.Equal(t, "2026-11-22T04:45:31Z", rate.ObservedAt)
}

// The anchor's journal keeps one row for each id.
func TestTheSameIDAlwaysMeansTheSameRate(t *testing.T) {
	byID, byFields := map[string]event.Rate{}, map[string]string{}
	rapid.Check(t, func(t *rapid.T) {
		c, err := money.ParseCurrency(rapid.SampledFrom([]string{"INR", "USD"}).Draw(t, "currency"))
		require.NoError(t, err)
		value := decimal(t, rapid.SampledFrom([]string{"1", "1.0", "2"}).Draw(t, "value"))
		at := since.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "seconds")) * time.Second)
		rate := quote.StaticQuote(c, value, at).Rate()
		if other, ok := byID[rate.ID]; ok {
			require.Equal(t, other, rate)
		}
		fields := c.Code() + value.String() + at.String()
		if id, ok := byFields[fields]; ok {
			require.Equal(t, id, rate.ID)
		}
		byID[rate.ID], byFields[fields] = rate, rate.ID
	})
}

func TestReadersAndWritersOfTheBoardNeverWaitForEachOther(t *testing.T) {
	inr := currency(t, "INR")
	board := quote.NewBoard()
	board.Set(quote.Static, quote.Table{"INR": quote.StaticQuote(inr, decimal(t, "250000"), since)})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1000 {
			board.Set(quote.Live, quote.Table{"INR": liveQuote(t, "254321.17")})
			board.Set(quote.Live, nil)
		}
	}()
	for range 1000 {
		_, err := board.Quote(inr, since)
		require.NoError(t, err)
	}
	<-done
}

// BenchmarkConversion is the arithmetic of one sale as it comes: its total parsed, the board read, wei written.
func BenchmarkConversion(b *testing.B) {
	inr := currency(b, "INR")
	board := quote.NewBoard()
	board.Set(quote.Live, quote.Table{"INR": liveQuote(b, "254321.17")})
	b.ReportAllocs()
	for b.Loop() {
		q, err := board.At(since).Quote(inr)
		if err != nil {
			b.Fatal(err)
		}
		if q.Wei(decimal(b, "1249.50")).String() == "" {
			b.Fatal("no amount")
		}
	}
}
