package pricing_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/pricing/internal/feed/feedtest"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/stream"
)

// currencies are those that pricing says it has a rate for, by code.
func (s *shop) currencies() (byCode map[string]event.PricedCurrency, at time.Time) {
	s.t.Helper()
	answer, err := stream.Ask[event.PricedCurrencies](s.t.Context(), s.bus, event.SubjectCurrenciesGet, event.CurrenciesQuery{})
	require.NoError(s.t, err)
	require.True(s.t, slices.IsSortedFunc(answer.Currencies, func(a, b event.PricedCurrency) int { return strings.Compare(a.Currency, b.Currency) }))
	byCode = map[string]event.PricedCurrency{}
	for _, c := range answer.Currencies {
		byCode[c.Currency] = c
	}
	require.Len(s.t, byCode, len(answer.Currencies))
	return byCode, moment(s.t, answer.At)
}

func moment(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return at
}

func TestACurrencyIsListedForAsLongAsSalesInItArePriced(t *testing.T) {
	f := setupFed(t, "USD=3050.12")
	f.waitForTier("live")
	f.market.Fail(feedtest.Status(http.StatusServiceUnavailable, ""))
	f.waitFor("every source is failing", func(s sources) bool {
		return !slices.ContainsFunc(s.Sources, func(o source) bool { return o.State != "failing" })
	})
	listed, at := f.currencies()
	require.Len(t, listed, 2)
	inr := listed["INR"]
	require.Equal(t, "live", inr.Tier)
	require.Equal(t, "254321.17", inr.Value)
	require.WithinDuration(t, f.clock.Now(), at, time.Minute)
	require.WithinRange(t, moment(t, inr.ExpiresAt), moment(t, inr.ObservedAt).Add(5*time.Minute), at.Add(5*time.Minute))
	usd := listed["USD"]
	require.Equal(t, event.PricedCurrency{Currency: "USD", Tier: "static", Value: "3050.12", ObservedAt: usd.ObservedAt}, usd, "it holds for ever")

	f.clock.Forward(5 * time.Minute)
	listed, _ = f.currencies()
	require.Equal(t, "cached", listed["INR"].Tier)
	require.Equal(t, moment(t, listed["INR"].ObservedAt).Add(6*time.Hour), moment(t, listed["INR"].ExpiresAt))

	f.clock.Forward(6 * time.Hour)
	listed, _ = f.currencies()
	require.Equal(t, []string{"USD"}, slices.Collect(maps.Keys(listed)))
	f.record(recorded(tea(1)), recorded(sold(2, "USD", "1.00")))
	require.Equal(t, tea(1).SaleID, decode[event.Parked](t, f.read(stream.SalesDLQ, 1)[0].Data).SaleID)
	require.Equal(t, "3050.12", decode[event.SalePriced](t, f.read(stream.SalesPriced, 1)[0].Data).Rate.Value)

	shown := f.sources()
	require.Equal(t, "INR none parked, USD static priced", fmt.Sprintf("%s %s %s, %s %s %s", shown.Currencies[0].Currency, shown.Currencies[0].Tier,
		shown.Currencies[0].Sales, shown.Currencies[1].Currency, shown.Currencies[1].Tier, shown.Currencies[1].Sales))
	require.Equal(t, "parked", shown.Others)
	f.market.Price("260000")
	f.waitForTier("live")
	listed, _ = f.currencies()
	require.Equal(t, "260000", listed["INR"].Value)
	require.Equal(t, "priced", f.sources().Currencies[0].Sales)
}

func TestEveryCurrencyThatIsNotListedIsParked(t *testing.T) {
	s := setup(t, "USD=3050.12,BHD=1150.5,JPY=480000")
	listed, _ := s.currencies()
	require.Len(t, listed, 3)
	for _, c := range money.Currencies() {
		_, err := stream.Ask[map[string]any](t.Context(), s.bus, "ops.pricing.quote", map[string]string{"currency": c.Code(), "total": "7"})
		_, known := listed[c.Code()]
		require.Equal(t, !known, fault.Is(err, fault.Invalid), c.Code())
	}
}
