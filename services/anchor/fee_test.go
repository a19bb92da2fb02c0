package anchor_test

import (
	"errors"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestTheFeesCeilingRisesWithTheAgeOfTheSalesInABatchUnderWay(t *testing.T) {
	t.Parallel()
	h := setup(t, func(c *anchor.Config) {
		c.FeeCapGwei, c.FeeCeilingGwei, c.FeeRiseAfter, c.BumpAfter = 100, 500, time.Hour, time.Second
	})
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

// The first attempt of an account without funds is dear. What is paid in later would not cover it, but does what the chain takes then.
func TestABatchIsAnchoredThoughTheAccountCantPayItsFirstAttemptAnyMore(t *testing.T) {
	t.Parallel()
	h := setup(t, func(c *anchor.Config) { c.BumpAfter = time.Second })
	poor := addressOf(t, newKey.Reveal())
	h.cfg.Contract = h.send(testkit.DevKey, nil, 0, binding.DeployData(testkit.DevAddress, poor)).Hex()
	h.cfg.PrivateKey = newKey
	proxy := h.behind(1)[0]
	proxy.On("eth_feeHistory", answers(`{"oldestBlock":"0x1","reward":[["0xee6b2800"]],"baseFeePerGas":["0x1","0x1"],"gasUsedRatio":[0.5]}`)) // a tip of 4 gwei
	h.start()
	sold := h.sell(5)
	testkit.Eventually(t, soon, "a transaction is signed", func() error {
		if h.ask(signedCount) == "0" {
			return errors.New("not yet")
		}
		return nil
	})
	dear, ok := new(big.Int).SetString(h.ask("SELECT min(fee_cap_wei)::text FROM anchor.tx_attempt"), 10)
	require.True(t, ok)
	require.Greater(t, dear.Int64(), int64(4e9))
	node, err := ethclient.Dial(h.chain.URL())
	require.NoError(t, err)
	defer node.Close()
	testkit.Eventually(t, soon, "the base fee falls", func() error {
		head, err := node.HeaderByNumber(t.Context(), nil)
		if err == nil && new(big.Int).Mul(head.BaseFee, big.NewInt(16)).Cmp(dear) > 0 {
			err = fmt.Errorf("%s", head.BaseFee)
		}
		return err
	})
	require.Equal(t, "1", h.ask(signedCount), "nothing is signed that the account can't pay")
	const gasLimit = 250_000
	h.send(testkit.DevKey, &poor, dear.Int64()*gasLimit/2, nil)
	proxy.Clear()
	h.verify(sold, h.anchored(sold, nil))
	require.Equal(t, "true", h.ask(fmt.Sprintf("SELECT (min(fee_cap_wei) <= %s / 2)::text FROM anchor.tx_attempt", dear)))
}
