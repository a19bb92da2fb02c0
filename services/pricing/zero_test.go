package pricing_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/pricing/internal/feed/feedtest"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestATotalOfZeroIsPricedWithoutARate(t *testing.T) {
	s := setup(t, "INR=254321.17")
	key := sold(1, "XXX", "0")
	key.Kind, key.StoreID, key.TerminalID = string(sale.KindKey), sale.Operator, sale.Operator
	for i, e := range []event.SaleRecorded{key, sold(2, "EUR", "0.00"), sold(3, "INR", "0.00")} {
		s.record(recorded(e))
		msg := s.read(stream.SalesPriced, uint64(i+1))[i]
		require.Equal(t, event.SalePriced{SaleRecorded: e, AmountWei: "0"}, decode[event.SalePriced](t, msg.Data))
		require.NotContains(t, string(msg.Data), "rate", "it is absent")
	}
	s.record(recorded(sold(4, "XXX", "1")))
	require.Equal(t, "no tier has a rate for XXX", decode[event.Parked](t, s.read(stream.SalesDLQ, 1)[0].Data).Reason)
	s.settled()
	s.read(stream.SalesPriced, 3)

	answer, err := stream.Ask[map[string]any](t.Context(), s.bus, "ops.pricing.quote", map[string]string{"currency": "EUR", "total": "0.00"})
	require.NoError(t, err)
	require.Equal(t, map[string]any{"amount_wei": "0"}, answer)
}

func TestATotalOfZeroIsPricedWhileNoSourceAnswers(t *testing.T) {
	f := &fed{clock: &clock{}, metrics: fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t))}
	f.market = feedtest.Open("254321.17", f.clock.Now)
	t.Cleanup(f.market.Close)
	f.market.Fail(feedtest.Status(http.StatusBadGateway, ""))
	f.shop = setup(t, "USD=3050.12", f.feed)
	f.record(recorded(tea(1)), recorded(sold(2, "INR", "0.00")))
	require.Equal(t, "0", decode[event.SalePriced](t, f.read(stream.SalesPriced, 1)[0].Data).AmountWei)
	require.Equal(t, tea(1).SaleID, decode[event.Parked](t, f.read(stream.SalesDLQ, 1)[0].Data).SaleID, "there is no rate of INR")
	testkit.Eventually(t, soon, "it is counted", func() error {
		if !strings.Contains(f.scrape(), `tillseal_pricing_priced_total{tier="none"} 1`) {
			return io.ErrNoProgress
		}
		return nil
	})
}
