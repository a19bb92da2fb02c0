package quote_test

import (
	"encoding/json"
	"math/big"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/services/pricing/internal/quote"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
)

var rule = quote.Rule{FreshFor: 5 * time.Minute, MaxAge: time.Hour}

// said is what a source said some time before since.
func said(t testing.TB, source, value string, before time.Duration) quote.Observation {
	t.Helper()
	o, err := quote.Observe(source, currency(t, "INR"), value, since.Add(-before), since)
	require.NoError(t, err)
	return o
}

func TestWhichPriceIsBelieved(t *testing.T) {
	last := func(value string) quote.Quote {
		return rule.Decide([]quote.Observation{said(t, "coingecko", value, time.Minute)}, quote.Quote{}, since).Cached
	}
	for _, c := range []struct {
		story   string
		said    []string
		last    string
		value   string // "" for no live price
		doubted []string
	}{
		{"one source alone at the first start", []string{"100"}, "", "100", nil},
		{"the middle one of three", []string{"101", "99", "100"}, "100", "100", nil},
		{"the mean of two, exact", []string{"100.01", "100"}, "100", "100.005", nil},
		{"one source moves a little", []string{"105"}, "100", "105", nil},
		{"one source jumps alone", []string{"105.01"}, "100", "", []string{"a"}},
		{"one of two spikes by half", []string{"100", "150"}, "100", "100", []string{"b"}},
		{"one of three spikes by half", []string{"100", "101", "150"}, "100", "100.5", []string{"c"}},
		{"one of three falls by half", []string{"50", "101", "100"}, "100", "100.5", []string{"a"}},
		{"two confirm a jump, the third lags", []string{"150", "151", "100"}, "100", "150.5", []string{"c"}},
		{"two against two: the nearer to the last good", []string{"150", "151", "100", "101"}, "100", "100.5", []string{"a", "b"}},
		{"two disagree and nothing tells who is right", []string{"100", "150"}, "", "", []string{"a", "b"}},
		{"two against one at the first start", []string{"100", "101", "150"}, "", "100.5", []string{"c"}},
		{"nobody", nil, "100", "", nil},
	} {
		var all []quote.Observation
		for i, value := range c.said {
			all = append(all, said(t, string(rune('a'+i)), value, 0))
		}
		before := quote.Quote{}
		if c.last != "" {
			before = last(c.last)
		}
		v := rule.Decide(all, before, since)
		require.Equal(t, c.value, v.Quote.Rate().Value, c.story)
		slices.Sort(v.Doubted)
		require.Equal(t, c.doubted, v.Doubted, c.story)
		require.Equal(t, c.value == "", v.Reason != "", c.story)
	}
}

func TestAPriceIsLiveThenCachedThenGone(t *testing.T) {
	v := rule.Decide([]quote.Observation{said(t, "a", "100", time.Minute), said(t, "b", "101", 2*time.Minute)}, quote.Quote{}, since)
	board := quote.NewBoard()
	board.Set(quote.Live, quote.Table{"INR": v.Quote})
	board.Set(quote.Cached, quote.Table{"INR": v.Cached})
	tier := func(after time.Duration) string {
		q, err := board.Quote(currency(t, "INR"), since.Add(after))
		if err != nil {
			return "none"
		}
		return string(q.Tier())
	}
	require.Equal(t, "live", tier(0))
	require.Equal(t, "live", tier(4*time.Minute-1), "the youngest is fresh")
	require.Equal(t, "cached", tier(4*time.Minute))
	require.Equal(t, "cached", tier(58*time.Minute-1), "the oldest is younger than MaxAge")
	require.Equal(t, "none", tier(58*time.Minute))
	require.Equal(t, 2*time.Minute, v.Quote.Age(since))
	require.Equal(t, v.Quote.Rate().Sources, v.Cached.Rate().Sources)
	require.Equal(t, []event.RateSource{
		{Name: "a", Value: "100", ObservedAt: "2026-11-22T04:44:31Z", FetchedAt: "2026-11-22T04:45:31Z"},
		{Name: "b", Value: "101", ObservedAt: "2026-11-22T04:43:31Z", FetchedAt: "2026-11-22T04:45:31Z"},
	}, v.Quote.Rate().Sources)
}

func TestAnOldPriceCountsForNothing(t *testing.T) {
	v := rule.Decide([]quote.Observation{said(t, "a", "100", 0), said(t, "b", "200", 5*time.Minute)}, quote.Quote{}, since)
	require.Equal(t, "100", v.Quote.Rate().Value)
	require.Equal(t, 1, v.Fresh)
	require.Zero(t, v.Spread.Sign())
}

func TestAPriceThatIsNoneIsRefusedWhereItEnters(t *testing.T) {
	inr := currency(t, "INR")
	for _, value := range []string{"", "0", "-1", "NaN", "Infinity", "1e400", "2.5e5", "null", "9999999999999999", "0.0000000000000000001"} {
		_, err := quote.Observe("a", inr, value, since, since)
		require.True(t, fault.Is(err, fault.Invalid), "%q", value)
	}
	_, err := quote.Observe("a", inr, "1", time.Time{}, since)
	require.ErrorContains(t, err, "no time")
	_, err = quote.Observe("a", inr, "1", since.Add(time.Hour), since)
	require.ErrorContains(t, err, "to come")
}

func TestALiveRateComesBackAsACachedOne(t *testing.T) {
	v := rule.Decide([]quote.Observation{said(t, "a", "100", 0), said(t, "b", "101.000000000000000001", 0)}, quote.Quote{}, since)
	q, err := quote.Restore(v.Quote.Rate(), time.Hour, since)
	require.NoError(t, err)
	require.Equal(t, v.Cached.Rate(), q.Rate())
	require.True(t, q.Holds(since.Add(time.Hour-1)))
	require.False(t, q.Holds(since.Add(time.Hour)))
	for name, spoil := range map[string]func(*event.Rate){
		"no currency":     func(r *event.Rate) { r.Currency = "TEA" },
		"no price":        func(r *event.Rate) { r.Value = "NaN" },
		"of the future":   func(r *event.Rate) { r.ObservedAt = "2036-11-22T04:45:31Z" },
		"no time":         func(r *event.Rate) { r.ObservedAt = "" },
		"was not live":    func(r *event.Rate) { r.Tier = "static" },
		"from no sources": func(r *event.Rate) { r.Sources = nil },
	} {
		rate := v.Quote.Rate()
		spoil(&rate)
		_, err := quote.Restore(rate, time.Hour, since)
		require.True(t, fault.Is(err, fault.Invalid), name)
	}
}

// Whatever the sources say: the price lies among them, and one source alone never moves it by more than Agreement.
func TestOneSourceAloneNeverMovesThePriceFar(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		honest := rapid.IntRange(100_000, 104_000)
		var all []quote.Observation
		for i := range rapid.IntRange(0, 3).Draw(rt, "honest sources") {
			all = append(all, said(t, string(rune('a'+i)), big.NewInt(int64(honest.Draw(rt, "price"))).String(), 0))
		}
		all = append(all, said(t, "liar", big.NewInt(rapid.Int64Range(1, 1_000_000).Draw(rt, "lie")).String(), 0))
		last := rule.Decide([]quote.Observation{said(t, "a", "102000", time.Minute)}, quote.Quote{}, since).Cached
		v := rule.Decide(all, last, since)
		if v.Reason != "" {
			require.Len(t, all, 1, "honest sources are enough")
			return
		}
		value := v.Quote.Wei(decimal(t, "1")).Int64()
		require.InDelta(t, 1e18/102_000, value, 1e18/102_000*0.11, "%s", v.Quote.Rate().Value)
	})
}

func TestEveryVectorIsPricedExactly(t *testing.T) {
	data, err := os.ReadFile("../../testdata/pricing.json")
	require.NoError(t, err)
	var file struct {
		Vectors []struct{ Total, Rate, Wei string }
	}
	require.NoError(t, json.Unmarshal(data, &file))
	require.NotEmpty(t, file.Vectors)
	for _, v := range file.Vectors {
		q := quote.StaticQuote(currency(t, "INR"), decimal(t, v.Rate), since)
		require.Equal(t, v.Wei, q.Wei(decimal(t, v.Total)).String(), "%s at %s", v.Total, v.Rate)
	}
}
