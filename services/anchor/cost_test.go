package anchor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/services/anchor/internal/active"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// status waits until ops.anchor.status is as wanted.
func (h *house) status(what string, wanted func(active.Status) bool) (s active.Status) {
	h.t.Helper()
	testkit.Eventually(h.t, soon, what, func() (err error) {
		s, err = stream.Ask[active.Status](h.t.Context(), h.bus, "ops.anchor.status", struct{}{})
		if err == nil && !wanted(s) {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
	return s
}

// held is what the anchorer's account holds.
func (h *house) held() *big.Int {
	h.t.Helper()
	node, err := ethclient.Dial(h.chain.URL())
	require.NoError(h.t, err)
	defer node.Close()
	wei, err := node.BalanceAt(h.t.Context(), testkit.DevAddress, nil)
	require.NoError(h.t, err)
	return wei
}

func TestWhatAnchoringCostsIsToldToTheWei(t *testing.T) {
	t.Parallel()
	h := setup(t)
	before := h.held()
	h.start()
	var sold []event.SalePriced
	for range 3 {
		sold = append(sold, h.sell(1)...)
		h.anchored(sold, nil)
	}
	spent := func(s active.Status) bool {
		return s.SpentDayWei == new(big.Int).Sub(before, h.held()).String() && s.SpentMonthWei == s.SpentDayWei
	}
	s := h.status("all that has left the account is told", spent)
	mean := h.ask("SELECT gas_used::text FROM anchor.tx_cost WHERE batch_id = 3") // the others make new state
	require.Equal(t, mean, fmt.Sprint(s.GasPerBatch))
	require.Equal(t, "4", h.ask("SELECT count(*)::text FROM anchor.tx_cost"), "the contract's and three batches'")

	h.exec("UPDATE anchor.tx_cost SET at = at - interval '25 hours' WHERE batch_id = 0; UPDATE anchor.tx_cost SET at = at - interval '31 days' WHERE batch_id = 1")
	last := h.ask("SELECT sum(gas_used * price_wei)::text FROM anchor.tx_cost WHERE batch_id > 1")
	month := h.ask("SELECT sum(gas_used * price_wei)::text FROM anchor.tx_cost WHERE batch_id <> 1")
	h.exec("INSERT INTO anchor.tx_cost (deployment, batch_id, hash, sender, nonce, failed, block_number, block_hash, gas_used, price_wei, l1_fee_wei, at) " +
		"SELECT deployment, batch_id, sha256(hash), sender, nonce, failed, block_number, block_hash, gas_used, price_wei, l1_fee_wei, at FROM anchor.tx_cost " +
		"WHERE batch_id = 3") // a reorg gave its nonce to another attempt
	h.exec("INSERT INTO anchor.deployment (chain_id, genesis_hash, contract, replay) VALUES (5, sha256(''), substring(sha256('') FOR 20), false)")
	h.exec("INSERT INTO anchor.tx_cost (deployment, batch_id, hash, sender, nonce, failed, block_number, block_hash, gas_used, price_wei, l1_fee_wei) " +
		"SELECT 2, batch_id, hash, sender, nonce, failed, block_number, sha256(''), gas_used, price_wei, l1_fee_wei FROM anchor.tx_cost") // on another chain
	sold = append(sold, h.sell(1)...)
	h.anchored(sold, nil)
	h.status("the fourth is counted", func(active.Status) bool {
		return h.ask("SELECT count(*)::text FROM anchor.tx_cost WHERE batch_id = 4") == "1"
	})
	fourth, ok := new(big.Int).SetString(h.ask("SELECT (gas_used * price_wei)::text FROM anchor.tx_cost WHERE batch_id = 4"), 10)
	require.True(t, ok)
	plus := func(wei string) string {
		sum, ok := new(big.Int).SetString(wei, 10)
		require.True(t, ok)
		return sum.Add(sum, fourth).String()
	}
	h.status("only what is as young is told", func(s active.Status) bool { return s.SpentDayWei == plus(last) && s.SpentMonthWei == plus(month) })
}

// Another transaction of the anchorer's stands for one of the batch's that was mined at a nonce of its own.
func TestEveryTransactionOfABatchIsCounted(t *testing.T) {
	t.Parallel()
	h := setup(t)
	proxy := h.neverFinal(h.chain.URL())
	before := h.held()
	h.start()
	sold := h.sell(1)
	h.anchored(sold, nil)
	h.transfer()
	node, err := ethclient.Dial(h.chain.URL())
	require.NoError(t, err)
	defer node.Close()
	nonce, err := node.NonceAt(t.Context(), testkit.DevAddress, nil)
	require.NoError(t, err)
	var other common.Hash
	for number := h.head(); other == (common.Hash{}); number-- {
		block, err := node.BlockByNumber(t.Context(), new(big.Int).SetUint64(number))
		require.NoError(t, err)
		for _, tx := range block.Transactions() {
			if tx.Nonce() == nonce-1 {
				other = tx.Hash()
			}
		}
	}
	h.exec(fmt.Sprintf(`INSERT INTO anchor.tx_attempt (hash, deployment, batch_id, sender, nonce, raw, fee_cap_wei, tip_cap_wei)
		VALUES ('\x%x', 1, 1, '\x%x', %d, '', 50000000000, 1000000000)`, other, testkit.DevAddress, nonce-1))
	proxy.Clear()
	h.status("all that has left the account is told", func(s active.Status) bool {
		return s.SpentDayWei == new(big.Int).Sub(before, h.held()).String()
	})
	require.Equal(t, "2", h.ask("SELECT count(*)::text FROM anchor.tx_cost WHERE batch_id = 1"))
}

func TestAReceiptBeyondWhatWasSignedForIsNotCounted(t *testing.T) {
	t.Parallel()
	for lie, counted := range map[string]string{
		`"gasUsed":"0xffffffff"`: "0", `"effectiveGasPrice":"0xffffffffffffffff"`: "0", `"l1Fee":"12345"`: "2", `"l1Fee":"0x10"`: "2",
	} {
		h := setup(t)
		h.behind(1)[0].On("eth_getTransactionReceipt", func(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
			reply := next(call)
			if len(reply.Result) > 2 && reply.Result[0] == '{' { // of two members with one name the last one counts
				reply.Result = append(reply.Result[:len(reply.Result)-1:len(reply.Result)-1], []byte(","+lie+"}")...)
			}
			return reply
		})
		h.start()
		h.anchored(h.sell(1), nil)
		h.inState(event.BatchFinal, 1)
		h.status(lie, func(active.Status) bool { return h.ask("SELECT count(*)::text FROM anchor.tx_cost") == counted })
	}
}

func TestAnL2sFeeForItsDataIsCounted(t *testing.T) {
	t.Parallel()
	h := setup(t)
	const l1Fee = 123_456_789_000
	proxy := h.behind(1)[0]
	proxy.On("eth_getTransactionReceipt", func(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
		reply := next(call)
		var receipt map[string]json.RawMessage
		if err := json.Unmarshal(reply.Result, &receipt); err != nil || receipt == nil {
			return reply
		}
		receipt["l1Fee"] = fmt.Appendf(nil, "%q", hexutil.EncodeUint64(l1Fee))
		raw, err := json.Marshal(receipt)
		return testkit.Reply{Result: raw, Error: asRPC(err)}
	})
	before := h.held()
	h.start()
	sold := h.sell(1)
	h.anchored(sold, nil)
	h.status("the fee is in what was spent", func(s active.Status) bool {
		gas := new(big.Int).Sub(before, h.held())
		return s.SpentDayWei == gas.Add(gas, big.NewInt(2*l1Fee)).String() // the contract's and the batch's
	})
	require.Equal(t, "2", h.ask(fmt.Sprintf("SELECT count(*)::text FROM anchor.tx_cost WHERE l1_fee_wei = %d", l1Fee)))
}

func TestABudgetMakesBatchesWaitLonger(t *testing.T) {
	t.Parallel()
	h := setup(t)
	// A tip of 4 gwei, so that the base fee, which falls with each empty block, hardly counts.
	h.behind(1)[0].On("eth_feeHistory", answers(`{"oldestBlock":"0x1","reward":[["0xee6b2800"]],"baseFeePerGas":["0x1","0x1"],"gasUsedRatio":[0.5]}`))
	stop := h.start()
	sold := h.sell(1)
	h.anchored(sold, nil)
	free := h.status("it has looked at the chain", func(s active.Status) bool { return s.Active && s.SeenAt != "" })
	require.False(t, free.BatchAgeStretch)
	require.Zero(t, free.BatchAgeSeconds)
	require.Equal(t, "0", free.BudgetDayWei)
	require.NoError(t, stop())

	h.cfg.BatchAge, h.cfg.BatchAgeMax, h.cfg.BudgetPerDay = time.Minute, 20*time.Minute, "0.000000000000000001"
	var log testkit.Log
	h.cfg.Telemetry.LogOutput = &log
	stop = h.start()
	tight := h.status("a budget that can't hold", func(s active.Status) bool { return s.Active && s.BudgetExceeded })
	require.Equal(t, int64(20*60), tight.BatchAgeSeconds, "they wait as long as they may")
	require.Equal(t, "1", tight.BudgetDayWei)
	require.Contains(t, log.String(), "ALARM: anchoring costs more than ANCHOR_BUDGET_ETH_PER_DAY")
	require.NoError(t, stop())

	forecast, ok := new(big.Int).SetString(tight.ForecastDayWei, 10)
	require.True(t, ok)
	forecast.Mul(forecast, big.NewInt(4)) // twenty minutes cost a twentieth of one; this makes it some five minutes
	h.cfg.Telemetry.LogOutput = t.Output()
	h.cfg.BudgetPerDay = fmt.Sprintf("0.%018d", forecast)
	h.start()
	wide := h.status("a budget that holds", func(s active.Status) bool { return s.Active && s.SeenAt != "" && !s.BudgetExceeded })
	require.True(t, wide.BatchAgeStretch)
	require.Greater(t, wide.BatchAgeSeconds, int64(60))
	require.Less(t, wide.BatchAgeSeconds, int64(20*60))
	h.sell(1)
	h.status("the sale waits", func(s active.Status) bool { return s.Waiting == 1 })
	h.passes(10)
	require.Equal(t, "1", h.ask("SELECT count(*)::text FROM anchor.batch"), "it is not sealed")
}

func TestABudgetThatIsNoAmountIsRefused(t *testing.T) {
	for _, bad := range []string{"-1", "1e3", "0.0000000000000000001", "1,5", "many", "01", "1.", ".5", "1000000000"} {
		cfg := anchor.Config{BudgetPerDay: bad}
		require.ErrorContains(t, cfg.Check(), "ANCHOR_BUDGET_ETH_PER_DAY must be", bad)
	}
	for _, good := range []string{"", "0", "0.05", "999999999.999999999999999999"} {
		require.NotContains(t, anchor.Config{BudgetPerDay: good}.Check().Error(), "ANCHOR_BUDGET_ETH_PER_DAY", good)
	}
	err := anchor.Config{BatchAge: time.Hour, BatchAgeMax: time.Minute}.Check()
	require.ErrorContains(t, err, "ANCHOR_BATCH_AGE_MAX must be between ANCHOR_BATCH_AGE and 24h")
	require.False(t, fault.Is(err, fault.Fatal))
}
