package quote_test

import (
	"encoding/json"
	"math/big"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/services/pricing/internal/quote"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
)

var rule = quote.Rule{FreshFor: 5 * time.Minute, MaxAge: time.Hour}

// said is what a source answered some time before since.
func said(t testing.TB, source, value string, before time.Duration) quote.Observation {
	t.Helper()
	o, err := quote.Observe(source, currency(t, "INR"), value, since.Add(-before), since)
	require.NoError(t, err)
	return o
}

// reference is the last price of one source, and the last of two, some time ago; "" for none.
func reference(t testing.TB, last, agreed string) quote.Reference {
	t.Helper()
	var h quote.Reference
	if last != "" {
		h.Last = rule.Decide([]quote.Observation{said(t, "coingecko", last, time.Minute)}, quote.Reference{}, since).Cached
	}
	if agreed != "" {
		both := []quote.Observation{said(t, "coingecko", agreed, 2*time.Minute), said(t, "wazirx", agreed, 2*time.Minute)}
		h.Agreed = rule.Decide(both, quote.Reference{}, since).Agreed
		require.True(t, h.Agreed.Holds(since))
	}
	return h
}

func TestWhichPriceIsBelieved(t *testing.T) {
	for _, c := range []struct {
		story        string
		said         []string
		last, agreed string
		static       string
		sources      int
		value        string // "" for no live price
		doubted      []string
	}{
		{story: "the only source at the first start", said: []string{"100"}, sources: 1, value: "100"},
		{story: "the only source, near the static rate", said: []string{"125"}, static: "100", sources: 1, value: "125"},
		{story: "the only source, far from the static rate", said: []string{"125.01"}, static: "100", sources: 1, doubted: []string{"a"}},
		{story: "the only source jumps", said: []string{"105.01"}, last: "100", sources: 1, doubted: []string{"a"}},
		{story: "one of three at the first start", said: []string{"100"}, sources: 3, doubted: []string{"a"}},
		{story: "one of three, near the static rate", said: []string{"75"}, static: "100", sources: 3, value: "75"},
		{story: "one of three at the first start spikes by half", said: []string{"150"}, static: "100", sources: 3, doubted: []string{"a"}},
		{story: "two at the first start, far from the static rate", said: []string{"150", "151"}, static: "100", sources: 3, value: "150.5"},
		{story: "the middle one of three", said: []string{"101", "99", "100"}, last: "100", agreed: "100", value: "100"},
		{story: "the mean of two, exact", said: []string{"100.01", "100"}, last: "100", agreed: "100", value: "100.005"},
		{story: "one source moves a little", said: []string{"105"}, last: "100", agreed: "100", sources: 3, value: "105"},
		{story: "one source jumps alone", said: []string{"105.01"}, last: "100", agreed: "100", sources: 3, doubted: []string{"a"}},
		{story: "one source drifts away from what two answered", said: []string{"109"}, last: "104.5", agreed: "100", sources: 3, doubted: []string{"a"}},
		{story: "one source, long after two answered", said: []string{"104"}, last: "100", sources: 3, doubted: []string{"a"}},
		{story: "one source, long after two answered, near the static rate", said: []string{"104"}, last: "100", static: "90", sources: 3, value: "104"},
		{story: "what two answered outweighs the static rate", said: []string{"150"}, last: "150", agreed: "150", static: "100", sources: 3, value: "150"},
		{story: "one of two spikes by half", said: []string{"100", "150"}, last: "100", agreed: "100", value: "100", doubted: []string{"b"}},
		{story: "one of three spikes by half", said: []string{"100", "101", "150"}, last: "100", agreed: "100", value: "100.5", doubted: []string{"c"}},
		{story: "one of three falls by half", said: []string{"50", "101", "100"}, last: "100", agreed: "100", value: "100.5", doubted: []string{"a"}},
		{story: "two confirm a jump, the third lags", said: []string{"150", "151", "100"}, last: "100", agreed: "100", value: "150.5", doubted: []string{"c"}},
		{
			story: "two against two: the nearer to the last good", said: []string{"150", "151", "100", "101"}, last: "100", agreed: "100",
			value: "100.5", doubted: []string{"a", "b"},
		},
		{story: "two against two at the first start", said: []string{"150", "151", "100", "101"}, static: "100", doubted: []string{"a", "b", "c", "d"}},
		{story: "two disagree and nothing shows which is right", said: []string{"100", "150"}, doubted: []string{"a", "b"}},
		{story: "two disagree, one is near the static rate", said: []string{"100", "150"}, static: "100", value: "100", doubted: []string{"b"}},
		{story: "two disagree, both are near the static rate", said: []string{"100", "106"}, static: "100", doubted: []string{"a", "b"}},
		{story: "two against one at the first start", said: []string{"100", "101", "150"}, value: "100.5", doubted: []string{"c"}},
		{story: "a camp is near its middle, not near each other", said: []string{"95.3", "100", "104.9"}, value: "100"},
		{story: "nobody", last: "100", agreed: "100"},
	} {
		var all []quote.Observation
		for i, value := range c.said {
			all = append(all, said(t, string(rune('a'+i)), value, 0))
		}
		h := reference(t, c.last, c.agreed)
		h.Sources = c.sources
		if c.static != "" {
			h.Static = quote.StaticQuote(currency(t, "INR"), decimal(t, c.static), since)
		}
		v := rule.Decide(all, h, since)
		require.Equal(t, c.value, v.Quote.Rate().Value, c.story)
		slices.Sort(v.Doubted)
		require.Equal(t, c.doubted, v.Doubted, c.story)
		require.Equal(t, c.value == "", v.Reason != "", c.story)
		require.Equal(t, len(v.Quote.Rate().Sources) == 1, v.Alone, c.story)
		require.Equal(t, len(v.Quote.Rate().Sources) > 1, v.Agreed.Holds(since), c.story)
	}
}

// A source that is alone goes as far as it is let, a step at each poll.
func TestASourceThatIsAloneDoesNotWalkThePriceAway(t *testing.T) {
	h := reference(t, "100000", "100000")
	h.Sources = 3
	price, last := int64(100_000), ""
	for range 50 {
		price = price * 104 / 100
		v := rule.Decide([]quote.Observation{said(t, "liar", strconv.FormatInt(price, 10), 0)}, h, since)
		if v.Reason == "" {
			h.Last, last = v.Cached, v.Quote.Rate().Value
		}
	}
	require.Equal(t, "104000", last)
	v := rule.Decide([]quote.Observation{said(t, "liar", "109000", 0)}, h, since)
	require.Contains(t, v.Reason, "more than 5 % from 100000, the last price of two sources")
}

func TestASourceWhoseClockIsAheadMakesNoPriceYounger(t *testing.T) {
	ahead := said(t, "a", "100", -2*time.Minute) // as far ahead as is taken
	v := rule.Decide([]quote.Observation{ahead}, quote.Reference{}, since)
	require.Equal(t, "2026-11-22T04:47:31Z", v.Quote.Rate().Sources[0].ObservedAt, "as the source answered it")
	require.Equal(t, "2026-11-22T04:45:31Z", v.Quote.Rate().ObservedAt)
	require.False(t, v.Quote.Holds(since.Add(rule.FreshFor)))
	require.True(t, v.Quote.Holds(since.Add(rule.FreshFor-1)))
	require.False(t, v.Cached.Holds(since.Add(rule.MaxAge)))

	next, err := quote.Observe("b", currency(t, "INR"), "101", since.Add(time.Second), since.Add(time.Second))
	require.NoError(t, err)
	honest := rule.Decide([]quote.Observation{next}, quote.Reference{}, since.Add(time.Second))
	require.True(t, honest.Cached.Newer(v.Cached, since.Add(time.Second)))

	again := said(t, "a", "100", -2*time.Minute)
	again.FetchedAt, again.SeenAt = since.Add(time.Minute), since.Add(time.Minute)
	again = again.After(ahead)
	require.Equal(t, since, again.SeenAt, "the same stamp again is the same sight of the market")
	require.Equal(t, "", rule.Decide([]quote.Observation{again}, quote.Reference{}, since.Add(rule.FreshFor)).Quote.Rate().Value)
}

func TestAKeptRateThatIsStampedAheadHoldsNoLongerAndYieldsToTheNext(t *testing.T) {
	next := rule.Decide([]quote.Observation{said(t, "b", "101", 0)}, quote.Reference{}, since).Cached
	kept := reference(t, "100", "").Last.Rate()
	kept.Tier, kept.ObservedAt = "live", "2026-11-22T04:47:00Z"
	byASource, err := quote.Restore(kept, time.Hour, since) // which was asked at 04:45:31
	require.NoError(t, err)
	require.Equal(t, "2026-11-22T04:45:31Z", byASource.Rate().ObservedAt)
	require.False(t, byASource.Holds(since.Add(time.Hour)))

	kept.Sources[0].FetchedAt = "2026-11-22T04:47:00Z"
	byAReplica, err := quote.Restore(kept, time.Hour, since)
	require.NoError(t, err)
	require.False(t, byAReplica.Holds(since.Add(time.Hour)))
	require.True(t, next.Newer(byAReplica, since), "its time is in the future")
	require.False(t, next.Newer(byAReplica, since.Add(2*time.Minute)))
}

func TestAPriceIsLiveThenCachedThenGone(t *testing.T) {
	v := rule.Decide([]quote.Observation{said(t, "a", "100", time.Minute), said(t, "b", "101", 2*time.Minute)}, quote.Reference{}, since)
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
	v := rule.Decide([]quote.Observation{said(t, "a", "100", 0), said(t, "b", "200", 5*time.Minute)}, reference(t, "100", "100"), since)
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
	require.ErrorContains(t, err, "in the future")
}

func TestALiveRateComesBackAsACachedOne(t *testing.T) {
	v := rule.Decide([]quote.Observation{said(t, "a", "100", 0), said(t, "b", "101.000000000000000001", 0)}, quote.Reference{}, since)
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

// Whatever one of the sources answers: the price is among all, within Agreement of an honest source's, and when there is none, of what two
// answered before.
func TestOneSourceAloneNeverMovesThePriceFar(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		honest := rapid.IntRange(100_000, 104_000)
		var all []quote.Observation
		for i := range rapid.IntRange(0, 3).Draw(rt, "honest sources") {
			all = append(all, said(t, string(rune('a'+i)), strconv.Itoa(honest.Draw(rt, "price")), 0))
		}
		trusted := slices.Clone(all)
		lie := rapid.OneOf(rapid.Int64Range(90_000, 115_000), rapid.Int64Range(1, 1_000_000)).Draw(rt, "lie")
		all = append(all, said(t, "liar", strconv.FormatInt(lie, 10), 0))
		h := reference(t, "102000", "102000")
		h.Sources = 4
		v := rule.Decide(all, h, since)
		if v.Reason != "" {
			require.Empty(t, trusted, "one honest source is enough")
			return
		}
		value := decimal(t, v.Quote.Rate().Value).Rat()
		lowest, highest := all[0].Value.Rat(), all[0].Value.Rat()
		for _, o := range all {
			if p := o.Value.Rat(); p.Cmp(lowest) < 0 {
				lowest = p
			} else if p.Cmp(highest) > 0 {
				highest = p
			}
		}
		require.True(t, lowest.Cmp(value) <= 0 && value.Cmp(highest) <= 0, "%s is not among %v", value, all)
		if len(trusted) == 0 {
			trusted = append(trusted, said(t, "before", "102000", 0))
		}
		require.True(t, slices.ContainsFunc(trusted, func(o quote.Observation) bool {
			apart := new(big.Rat).Sub(value, o.Value.Rat())
			return apart.Abs(apart).Cmp(new(big.Rat).Mul(o.Value.Rat(), big.NewRat(5, 100))) <= 0
		}), "%s is far from %v", value, trusted)
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
