package pricing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/stream"
)

func TestACurrencyIsListedWhileItsSalesWouldBePriced(t *testing.T) {
	s := setup(t, "USD=3050.12,INR=254321.17")
	answer, err := stream.Ask[event.PricedCurrencies](t.Context(), s.bus, event.SubjectCurrenciesGet, event.CurrenciesQuery{})
	require.NoError(t, err)
	require.NotEmpty(t, answer.At)
	require.Len(t, answer.Currencies, 2)
	inr, usd := answer.Currencies[0], answer.Currencies[1]
	require.Equal(t, []string{"INR", "static", "254321.17"}, []string{inr.Currency, inr.Tier, inr.Value})
	require.Equal(t, []string{"USD", "static", "3050.12"}, []string{usd.Currency, usd.Tier, usd.Value})
	require.NotEmpty(t, inr.ObservedAt)
	s.record(recorded(sold(1, "INR", "10.00")), recorded(sold(2, "EUR", "10.00")))
	require.Equal(t, inr.Value, decode[event.SalePriced](t, s.read(stream.SalesPriced, 1)[0].Data).Rate.Value)
	require.Equal(t, "no tier has a rate for EUR", decode[event.Parked](t, s.read(stream.SalesDLQ, 1)[0].Data).Reason)
}
