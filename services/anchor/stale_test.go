package anchor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/testkit"
)

// calledWith is the data of an eth_call.
func calledWith(call testkit.Call) []byte {
	var msg struct{ Data, Input hexutil.Bytes }
	_ = json.Unmarshal(call.Params[0], &msg)
	return append(msg.Data, msg.Input...)
}

// cached answers an eth_call as it did first, whatever the block, as a gateway that caches does.
func cached() testkit.Hook {
	var mu sync.Mutex
	known := map[string]testkit.Reply{}
	return func(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
		mu.Lock()
		defer mu.Unlock()
		key := string(calledWith(call))
		if _, ok := known[key]; !ok {
			known[key] = next(call)
		}
		return known[key]
	}
}

// passes waits until as many blocks have come.
func (h *house) passes(blocks uint64) {
	h.t.Helper()
	from := h.head()
	testkit.Eventually(h.t, soon, "blocks come", func() error {
		if now := h.head(); now < from+blocks {
			return fmt.Errorf("block %d", now)
		}
		return nil
	})
}

func TestAStaleNodeOfThreeHoldsNothingBackAndCostsNothing(t *testing.T) {
	t.Parallel()
	h := setup(t)
	proxies := h.behind(3)
	h.start()
	sold := h.sell(5)
	h.anchored(sold, nil)
	proxies[0].On("eth_call", cached())
	for range 2 {
		sold = append(sold, h.sell(5)...)
		h.anchored(sold, nil)
	}
	h.passes(10)
	h.verify(sold, h.anchored(sold, nil))
	require.Equal(t, h.ask("SELECT (1 + count(*))::text FROM anchor.batch"), h.ask(signedCount), "the deploy and one transaction for each batch")
}

func TestTheOnlyNodeIsStaleAndNothingIsPaidTwice(t *testing.T) {
	t.Parallel()
	h := setup(t)
	var log testkit.Log
	h.cfg.Telemetry.LogOutput = &log
	proxy := h.behind(1)[0]
	h.start()
	sold := h.sell(5)
	h.anchored(sold, nil)
	proxy.On("eth_call", cached())
	sold = append(sold, h.sell(5)...)
	testkit.Eventually(t, soon, "the contradiction is logged", func() error {
		if !strings.Contains(log.String(), "its answers are stale") {
			return errors.New("not logged")
		}
		return nil
	})
	h.passes(20)
	signed := h.ask(signedCount)
	proxy.Clear()
	h.verify(sold, h.anchored(sold, nil))
	require.Equal(t, "3", signed, "the deploy and one transaction for each of two batches")
}

// The contract accepts batches only from another account by now, but the only node predicts that it accepts them from ours.
func TestABatchThatFailsAgainAndAgainStopsTheAnchor(t *testing.T) {
	t.Parallel()
	ownerKey := common.Bytes2Hex(crypto.Keccak256([]byte("owner")))
	owner := addressOf(t, ownerKey)
	h := setup(t, func(c *anchor.Config) { c.Owner = owner.Hex() })
	h.chain = testkit.Chain(t, func(c *local.ChainConfig) {
		c.Period, c.Fund = 100*time.Millisecond, []common.Address{testkit.DevAddress, owner}
	})
	proxy := h.behind(1)[0]
	ended := h.run()
	sold := h.sell(5)
	contract := common.HexToAddress(h.anchored(sold, nil)[sold[0].SaleID].Contract)
	stale := cached()
	foretell := binding.NewSaleAnchor().PackAnchor(0, common.Hash{}, 0)[:4]
	proxy.On("eth_call", func(ctx context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
		if strings.HasPrefix(string(calledWith(call)), string(foretell)) {
			return testkit.Reply{Result: json.RawMessage(`"0x"`)}
		}
		return stale(ctx, call, next)
	})
	h.passes(10) // the stale answers are known
	h.send(ownerKey, &contract, 0, binding.NewSaleAnchor().PackSetAnchorer(owner))
	h.sell(5)
	select {
	case err := <-ended:
		require.True(t, fault.Is(err, fault.Fatal), "%v", err)
		require.ErrorContains(t, err, "failed at each")
	case <-time.After(soon):
		require.Fail(t, "it pays on")
	}
	require.Equal(t, "3", h.ask("SELECT count(*)::text FROM anchor.tx_attempt WHERE batch_id = 2"))
}

// liar shows a batch as anchored whose transaction it keeps to itself.
type liar struct {
	mu       sync.Mutex
	contract common.Address
	batch    uint64
	first    batchlog.Batch // the only one before
	lie      *types.Transaction
	block    types.Header
}

func (l *liar) swallow(ctx context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lie == nil {
		var raw hexutil.Bytes
		_ = json.Unmarshal(call.Params[0], &raw)
		l.lie = new(types.Transaction)
		_ = l.lie.UnmarshalBinary(raw)
		head := next(testkit.Call{Method: "eth_getBlockByNumber", Params: []json.RawMessage{json.RawMessage(`"latest"`), json.RawMessage("false")}})
		_ = json.Unmarshal(head.Result, &l.block)
	}
	return testkit.Swallow()(ctx, call, next)
}

func (l *liar) call(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lie == nil {
		return next(call)
	}
	switch abi := binding.NewSaleAnchor(); string(calledWith(call)) {
	case string(abi.PackNextBatchId()):
		return testkit.Reply{Result: fmt.Appendf(nil, `"0x%064x"`, l.batch+1)}
	case string(abi.PackLogRoot()):
		log := batchlog.New()
		for _, b := range []batchlog.Batch{l.first, {ID: l.batch, Root: common.BytesToHash(l.lie.Data()[36:68]), Size: 5}} {
			if _, err := log.Append(b); err != nil {
				return testkit.Reply{Error: asRPC(err)}
			}
		}
		return testkit.Reply{Result: fmt.Appendf(nil, `"0x%x"`, log.Root())}
	}
	return next(call)
}

func (l *liar) logs(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lie == nil {
		return next(call)
	}
	topics := binding.BatchAnchoredTopics(l.batch)
	raw, err := json.Marshal([]types.Log{{
		Address: l.contract, Topics: []common.Hash{topics[0][0], topics[1][0], common.BytesToHash(l.lie.Data()[36:68])},
		Data: common.LeftPadBytes([]byte{5}, 32), BlockNumber: l.block.Number.Uint64(), BlockHash: l.block.Hash(), TxHash: l.lie.Hash(),
	}})
	return testkit.Reply{Result: raw, Error: asRPC(err)}
}

func asRPC(err error) *testkit.RPCError {
	if err == nil {
		return nil
	}
	return &testkit.RPCError{Code: -1, Message: err.Error()}
}

func TestWhatOneNodeOfThreeInventsIsNeverFinal(t *testing.T) {
	t.Parallel()
	h := setup(t, func(c *anchor.Config) { c.Finality = "finalized" })
	proxies := h.behind(3)
	h.start()
	sold := h.sell(5)
	first := h.anchored(sold, nil)[sold[0].SaleID]
	lies := &liar{contract: common.HexToAddress(first.Contract), batch: 2, first: batchlog.Batch{ID: 1, Root: first.Root, Size: 5}}
	proxies[0].On("eth_sendRawTransaction", lies.swallow)
	proxies[0].On("eth_call", lies.call)
	proxies[0].On("eth_getLogs", lies.logs)
	sold = append(sold, h.sell(5)...)
	h.verify(sold, h.anchored(sold, nil))
	node, err := ethclient.Dial(h.chain.URL())
	require.NoError(t, err)
	defer node.Close()
	require.NotZero(t, h.rootOf(node, lies.contract.Hex(), 2))
	require.Equal(t, "0", h.ask("SELECT count(*)::text FROM anchor.batch_event WHERE state = '"+string(event.BatchReorged)+"'"), "it is never believed")
}

// noCode answers that there is no contract anywhere.
func noCode(context.Context, testkit.Call, func(testkit.Call) testkit.Reply) testkit.Reply {
	return testkit.Reply{Result: json.RawMessage(`"0x"`)}
}

func TestOneNodeOfThreeThatShowsNoCodeDeploysNothingAgain(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.behind(3)[0].On("eth_getCode", noCode)
	h.start()
	sold := h.sell(5)
	h.verify(sold, h.anchored(sold, nil))
	require.Equal(t, "1", h.ask("SELECT count(*)::text FROM anchor.deployment"))
}

func TestTheOnlyNodeShowsNoCodeAndOneContractIsDeployed(t *testing.T) {
	t.Parallel()
	h := setup(t)
	proxy := h.behind(1)[0]
	proxy.On("eth_getCode", noCode)
	h.start()
	sold := h.sell(5)
	h.passes(20)
	proxy.Clear()
	h.verify(sold, h.anchored(sold, nil))
	require.Equal(t, "1", h.ask("SELECT count(*)::text FROM anchor.deployment"))
}

func TestADeployThatFailsIsNotPaidForAgain(t *testing.T) {
	t.Parallel()
	h := setup(t)
	proxy := h.behind(1)[0]
	proxy.On("eth_getCode", noCode)
	proxy.On("eth_getTransactionReceipt", func(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
		reply := next(call)
		reply.Result = bytes.Replace(reply.Result, []byte(`"status":"0x1"`), []byte(`"status":"0x0"`), 1)
		return reply
	})
	err := h.refused()
	require.True(t, fault.Is(err, fault.Fatal), "%v", err)
	require.ErrorContains(t, err, "was mined and failed")
	require.Equal(t, "1", h.ask(signedCount))
}

func TestAContractThatWasGivenOutlivesAReorg(t *testing.T) {
	t.Parallel()
	h := setup(t)
	proxy := testkit.RPCProxy(t, h.neverFinal(h.chain.URL()).URL())
	h.cfg.Provider = config.Secret(proxy.URL())
	h.cfg.Contract = h.send(testkit.DevKey, nil, 0, binding.DeployData(testkit.DevAddress, testkit.DevAddress)).Hex()
	var log testkit.Log
	h.cfg.Telemetry.LogOutput = &log
	h.start()
	sold := h.sell(5)
	h.anchored(sold, nil)
	proxy.On("eth_getCode", noCode)
	testkit.Eventually(t, soon, "it is missed", func() error {
		if !strings.Contains(log.String(), "seen and is gone") {
			return errors.New("not logged")
		}
		return nil
	})
	proxy.Clear()
	sold = append(sold, h.sell(5)...)
	h.verify(sold, h.anchored(sold, nil))
}
