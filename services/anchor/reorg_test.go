package anchor_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestAReorgSendsTheSameBatchAgainAndSaysSo(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.neverFinal(h.chain.URL())
	h.start()
	sold := h.sell(3)
	first := h.anchored(sold, nil)[sold[0].SaleID]
	node, err := ethclient.Dial(h.chain.URL())
	require.NoError(t, err)
	defer node.Close()
	mined, err := node.HeaderByHash(t.Context(), first.BlockHash)
	require.NoError(t, err)
	testkit.Eventually(t, soon, "a fork below the batch", func() error {
		_ = h.chain.DropPending()
		return h.chain.Fork(mined.ParentHash)
	})
	got := h.anchored(sold, func(e event.SaleAnchored) bool { return e.BlockHash != first.BlockHash })
	h.verify(sold, got)
	require.Equal(t, first.Root, got[sold[0].SaleID].Root)
	require.Equal(t, first.BatchID, got[sold[0].SaleID].BatchID)
}

// neverFinal calls no block final.
func neverFinal(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
	if string(call.Params[0]) == `"finalized"` {
		call.Params[0] = json.RawMessage(`"earliest"`)
	}
	return next(call)
}

// neverFinal puts a node between the anchor and its chain that calls no block final: what a test takes from the chain must not
// be final by then, and on a busy machine it might. upstream is the node behind it.
func (h *house) neverFinal(upstream string) *testkit.Proxy {
	proxy := testkit.RPCProxy(h.t, upstream)
	proxy.On("eth_getBlockByNumber", neverFinal)
	h.cfg.Provider = config.Secret(proxy.URL())
	return proxy
}

// cut takes everything from a block on off the chain, its transactions with it.
func (h *house) cut(from uint64) {
	h.t.Helper()
	node, err := ethclient.Dial(h.chain.URL())
	require.NoError(h.t, err)
	defer node.Close()
	block, err := node.HeaderByNumber(h.t.Context(), new(big.Int).SetUint64(from))
	require.NoError(h.t, err)
	testkit.Eventually(h.t, soon, "a fork", func() error {
		_ = h.chain.DropPending()
		return h.chain.Fork(block.ParentHash)
	})
	_ = h.chain.DropPending() // or the next block would bring them back
}

func TestAReorgBelowSeveralBatchesSendsThemAllAgainInOrder(t *testing.T) {
	t.Parallel()
	h := setup(t, func(c *anchor.Config) { c.BumpAfter = time.Second }) // the bytes sent before may need a higher fee to be taken again
	h.neverFinal(h.chain.URL())
	h.start()
	var sold []event.SalePriced
	var first event.SaleAnchored
	for i := range 3 {
		sold = append(sold, h.sell(3)...)
		got := h.anchored(sold, nil)
		if i == 0 {
			first = got[sold[0].SaleID]
		}
	}
	h.cut(first.BlockNumber)
	got := h.current(sold)
	h.verify(sold, got)
	require.NotEqual(t, first.BlockHash, got[sold[0].SaleID].BlockHash)
}

func TestAReorgThatTakesTheContractBringsItBack(t *testing.T) {
	t.Parallel()
	h := setup(t, func(c *anchor.Config) { c.BumpAfter = time.Second })
	h.neverFinal(h.chain.URL())
	h.start()
	sold := h.sell(3)
	h.anchored(sold, nil)
	h.cut(2)
	h.verify(sold, h.current(sold))
	require.Equal(t, "1", h.ask("SELECT count(*)::text FROM anchor.deployment"))
}

func TestAReorgThatOnlyTheNodeShowsIsFollowedAndFollowedBack(t *testing.T) {
	t.Parallel()
	h := setup(t)
	proxy := testkit.RPCProxy(t, h.neverFinal(h.chain.URL()).URL())
	h.cfg.Provider, h.rpc = config.Secret(proxy.URL()), proxy.URL()
	h.start()
	sold := h.sell(3)
	first := h.anchored(sold, nil)[sold[0].SaleID]
	proxy.Reorganize(first.BlockNumber)
	got := h.anchored(sold, func(e event.SaleAnchored) bool { return e.BlockHash != first.BlockHash })
	require.Equal(t, first.BlockNumber, got[sold[0].SaleID].BlockNumber)
	h.verify(sold, got)
	proxy.Clear()
	sold = append(sold, h.sell(3)...)
	h.verify(sold, h.current(sold))
}

func TestABatchThatAReorgMovedIsNotAnnouncedAsSafeWhereItWas(t *testing.T) {
	t.Parallel()
	h := setup(t, func(c *anchor.Config) { c.Finality = "safe" })
	var safe atomic.Bool
	node := testkit.RPCProxy(t, h.chain.URL())
	node.On("eth_getBlockByNumber", func(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
		switch {
		case string(call.Params[0]) == `"safe"` && safe.Load():
			call.Params[0] = json.RawMessage(`"latest"`)
		case string(call.Params[0]) == `"safe"`, string(call.Params[0]) == `"finalized"`:
			call.Params[0] = json.RawMessage(`"earliest"`)
		}
		return next(call)
	})
	proxy := testkit.RPCProxy(t, node.URL())
	h.cfg.Provider, h.rpc = config.Secret(proxy.URL()), proxy.URL()
	var log testkit.Log
	h.cfg.Telemetry.LogOutput = &log
	h.start()
	sold := h.sell(3)
	h.inState(event.BatchMined, 3)
	first := h.ask("SELECT string_agg(encode(block_hash, 'hex'), ' ') FROM anchor.batch_event WHERE state = 'mined'")
	lowest, err := strconv.ParseUint(h.ask("SELECT min(block_number)::text FROM anchor.batch_event WHERE state = 'mined'"), 10, 64)
	require.NoError(t, err)

	conn, err := pgx.Connect(t.Context(), h.db.Admin)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "LOCK TABLE anchor.batch_event IN SHARE MODE") // the reorg can't be journaled for the while
	require.NoError(t, err)
	proxy.On("eth_getBlockByNumber", testkit.Lose()) // no check in between
	safe.Store(true)
	proxy.Reorganize(lowest)
	proxy.On("eth_getBlockByNumber", nil)
	testkit.Eventually(t, soon, "the anchor has waited in vain", func() error {
		if !strings.Contains(log.String(), "journal a batch as reorged") {
			return errors.New("not yet")
		}
		return nil
	})
	require.NoError(t, tx.Rollback(t.Context()))
	for _, e := range h.anchored(sold, nil) {
		require.NotContains(t, first, common.Bytes2Hex(e.BlockHash[:]), "it is not there any more")
	}
}
