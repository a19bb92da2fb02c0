package anchor_test

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// parked waits for n messages in SALES_DLQ and returns them by sale.
func (h *house) parked(n int) map[string]event.Parked {
	h.t.Helper()
	consumer, err := h.bus.JS.OrderedConsumer(h.t.Context(), stream.SalesDLQ, jetstream.OrderedConsumerConfig{})
	require.NoError(h.t, err)
	found := make(map[string]event.Parked)
	for range n {
		msg, err := consumer.Next(jetstream.FetchMaxWait(soon))
		require.NoError(h.t, err)
		e, err := event.Decode[event.Parked](msg.Data())
		require.NoError(h.t, err)
		found[e.SaleID] = e
	}
	return found
}

func TestAForgedPricedSaleIsParkedWithAnAlarmWhoeverSentItAndTheTrueOneIsAnchored(t *testing.T) {
	t.Parallel()
	var log testkit.Log
	h := setup(t, func(c *anchor.Config) { c.Telemetry.LogOutput = &log })
	h.start()
	unknown, amount, currency, total := priced(1), priced(2), priced(3), priced(4)
	h.commit(amount, currency, total)
	wrong := []event.SalePriced{unknown, amount, currency, total}
	wrong[1].AmountWei += "0"
	dollars := *currency.Rate
	dollars.Currency, dollars.ID = "USD", "usd"
	wrong[2].Currency, wrong[2].Rate = "USD", &dollars
	wrong[3].Total = "1.00"
	wrong[3] = atRate(wrong[3], "254321.17") // all of it fits but the committed sale
	for _, e := range wrong {
		require.NoError(t, h.bus.PublishAll(t.Context(), messages(pricedMsg(e))))
	}
	reasons := map[string]string{
		unknown.SaleID: "forged: no sale with this sale_id is committed", amount.SaleID: "forged: amount_wei is ",
		currency.SaleID: "forged: the rate is in USD, the committed sale in ", total.SaleID: "forged: amount_wei is ",
	}
	parked := h.parked(len(wrong))
	for _, e := range wrong {
		require.True(t, parked[e.SaleID].Forged)
		require.Contains(t, parked[e.SaleID].Reason, reasons[e.SaleID])
		require.NotContains(t, parked[e.SaleID].Reason, e.Total+" ")
	}
	require.Contains(t, log.String(), "ALARM: a priced sale is forged")

	honest := []event.SalePriced{amount, currency, total}
	for _, e := range honest {
		require.NoError(t, h.bus.PublishAll(t.Context(), messages(repeated(e, "repair"))))
	}
	h.verify(honest, h.anchored(honest, nil))
}

func TestATotalOfZeroIsAnchoredAtZeroWeiAndNothingElseIs(t *testing.T) {
	t.Parallel()
	var log testkit.Log
	h := setup(t, func(c *anchor.Config) { c.Telemetry.LogOutput = &log })
	h.start()
	key := func() event.SalePriced {
		e := priced(1)
		e.Kind, e.StoreID, e.TerminalID = string(sale.KindKey), sale.Operator, sale.Operator
		e.Currency, e.Total, e.AmountWei, e.Rate = money.NoCurrency, "0", "0", nil
		return e
	}
	dear, needless, noWei, noRate := key(), key(), priced(1), priced(2)
	honest := []event.SalePriced{key(), priced(3), dear, needless, noWei, noRate}
	h.commit(honest...)
	dear.AmountWei = "1"
	needless.Rate = &event.Rate{ID: "xxx", Value: "1", Currency: money.NoCurrency}
	noWei.AmountWei, noWei.Rate = "0", nil
	noRate.Rate = nil
	for _, e := range []event.SalePriced{dear, needless, noWei, noRate} {
		require.NoError(t, h.bus.PublishAll(t.Context(), messages(pricedMsg(e))))
	}
	parked := h.parked(4)
	for id, reason := range map[string]string{
		dear.SaleID:   "forged: amount_wei is 1, the committed total is zero",
		noWei.SaleID:  "forged: there is no rate, and the committed total is not zero",
		noRate.SaleID: "forged: there is no rate, and the committed total is not zero",
	} {
		require.Equal(t, reason, parked[id].Reason)
		require.True(t, parked[id].Forged)
		require.Contains(t, log.String(), id)
	}
	require.Equal(t, "the total is 0, which needs no rate, and there is one", parked[needless.SaleID].Reason)
	require.False(t, parked[needless.SaleID].Forged)

	for _, e := range honest {
		require.NoError(t, h.bus.PublishAll(t.Context(), messages(repeated(e, "repair"))))
	}
	h.verify(honest, h.anchored(honest, nil))
}

func TestSalesWhoseRateJumpedAreAnchoredOnceAnOperatorHasAcceptedIt(t *testing.T) {
	t.Parallel()
	var log testkit.Log
	h := setup(t, func(c *anchor.Config) { c.Telemetry.LogOutput = &log })
	h.start()
	sold := h.sell(2)
	h.anchored(sold, nil)
	jumped := []event.SalePriced{atRate(priced(3), "520000"), atRate(priced(4), "530000")}
	h.commit(jumped...)
	require.NoError(t, h.bus.PublishAll(t.Context(), messages(pricedMsg(jumped[0]), pricedMsg(jumped[1]))))
	parked := h.parked(2)
	for _, e := range jumped {
		held := parked[e.SaleID]
		require.False(t, held.Forged, "its sale is held back until an operator decides")
		for _, part := range []string{"rate: the rate of INR is " + e.Rate.Value, "the last one, 254321.17", "ops.anchor.rates.accept"} {
			require.Contains(t, held.Reason, part)
		}
	}
	require.Contains(t, log.String(), "ALARM: a rate jumped")

	accept := func(currency, value, operator, reason string) (before string, err error) {
		got, err := stream.Ask[struct{ Before string }](t.Context(), h.bus, "ops.anchor.rates.accept",
			map[string]string{"currency": currency, "value": value, "operator": operator, "reason": reason})
		return got.Before, err
	}
	for refusal, ask := range map[string][4]string{
		"ISO 4217":            {"inr", "520000", "asha", "so it is"},
		"value must":          {"INR", "0520000", "asha", "so it is"},
		"operator is missing": {"INR", "520000", " ", "so it is"},
		"reason is missing":   {"INR", "520000", "asha", ""},
		"control character":   {"INR", "520000", "asha", "so\x00it is"},
	} {
		_, err := accept(ask[0], ask[1], ask[2], ask[3])
		require.True(t, fault.Is(err, fault.Invalid), "%v", err)
		require.ErrorContains(t, err, refusal)
	}
	before, err := accept("INR", "520000", "asha", "the market is there")
	require.NoError(t, err)
	require.Equal(t, "254321.17", before)
	for _, e := range jumped { // ops.ledger.parked.replay does so, by way of pricing
		require.NoError(t, h.bus.PublishAll(t.Context(), messages(repeated(e, "replayed"))))
	}
	h.verify(append(sold, jumped...), h.anchored(append(sold, jumped...), nil))
}
