package anchor_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestTheFeesCeilingRisesWithTheAgeOfTheSalesInABatchUnderWay(t *testing.T) {
	t.Parallel()
	h := setup(t, func(c *anchor.Config) { c.FeeCap, c.FeeHard, c.FeeRise, c.BumpAfter = 100, 500, time.Hour, time.Second })
	h.cfg.Contract = h.send(testkit.DevKey, nil, 0, binding.DeployData(testkit.DevAddress, testkit.DevAddress)).Hex()
	proxy := h.behind(1)[0]
	proxy.On("*", testkit.Status(502))
	h.start()
	sold := h.sell(3)
	h.leaves(3)
	h.exec("UPDATE anchor.leaf SET at = at - interval '2 hours'")
	proxy.Clear()
	proxy.On("eth_sendRawTransaction", testkit.Swallow())
	type status struct {
		InFlight uint64 `json:"in_flight"`
		Oldest   int64  `json:"oldest_unanchored_seconds"`
		Ceiling  string `json:"fee_ceiling_wei"`
		Fee      string `json:"fee_cap_wei"`
	}
	var got status
	testkit.Eventually(t, soon, "a batch is under way", func() (err error) {
		got, err = stream.Ask[status](t.Context(), h.bus, "ops.anchor.status", struct{}{})
		if err == nil && got.Fee == "" {
			err = fmt.Errorf("%+v", got)
		}
		return err
	})
	require.Equal(t, uint64(1), got.InFlight)
	require.GreaterOrEqual(t, got.Oldest, int64(7200))
	require.Equal(t, "500000000000", got.Ceiling)
	proxy.Clear()
	h.verify(sold, h.anchored(sold, nil))
}
