package chain_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/testkit"
)

// shelf is a chain whose contract holds many batches, and a client that sees it through a proxy.
type shelf struct {
	*local.Chain
	t        *testing.T
	proxy    *testkit.Proxy
	seen     *chain.Client
	contract common.Address
	open     []step.Batch // mined and, as the journal has it, not final
}

const (
	manyBatches = 310
	perBlock    = 10
)

func many(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{Chain: testkit.Chain(t), t: t}
	s.proxy = testkit.RPCProxy(t, s.URL())
	s.seen = connect(t, s.proxy.URL())
	key, err := crypto.HexToECDSA(testkit.DevKey)
	require.NoError(t, err)
	node, err := ethclient.Dial(s.URL())
	require.NoError(t, err)
	defer node.Close()
	send := func(nonce uint64, to *common.Address, data []byte) common.Hash {
		tx := types.MustSignNewTx(key, types.LatestSignerForChainID(s.ChainID()), &types.DynamicFeeTx{
			ChainID: s.ChainID(), Nonce: nonce, To: to, Gas: 1_000_000, GasTipCap: big.NewInt(1), GasFeeCap: big.NewInt(10e9), Data: data,
		})
		require.NoError(t, node.SendTransaction(t.Context(), tx))
		return tx.Hash()
	}
	s.contract = crypto.CreateAddress(testkit.DevAddress, 0)
	send(0, nil, binding.DeployData(testkit.DevAddress, testkit.DevAddress))
	s.Commit()
	log := batchlog.New()
	for first := uint64(1); first <= manyBatches; first += perBlock {
		for id := first; id < first+perBlock; id++ {
			b := step.Batch{ID: id, Root: common.BigToHash(new(big.Int).SetUint64(id)), Size: 1, State: event.BatchMined}
			_, err := log.Append(batchlog.Batch{ID: id, Root: b.Root, Size: 1})
			require.NoError(t, err)
			b.LogRoot = log.Root()
			b.MinedTx = send(id, &s.contract, binding.NewSaleAnchor().PackAnchor(id, b.Root, 1))
			b.Attempts = []step.Attempt{{Hash: b.MinedTx}}
			s.open = append(s.open, b)
		}
		// The node may overlook the last of several transactions of one sender until the block after: its pool does not promote a
		// transaction that arrives while the pool is reset.
		testkit.Eventually(t, time.Minute, "the transactions are mined", func() error {
			s.Commit()
			nonce, err := node.NonceAt(t.Context(), testkit.DevAddress, nil)
			if err == nil && nonce < first+perBlock {
				err = fmt.Errorf("up to nonce %d", nonce)
			}
			return err
		})
	}
	for i := range s.open {
		var receipt *types.Receipt
		testkit.Eventually(t, time.Minute, "the node has indexed the block", func() (err error) {
			receipt, err = node.TransactionReceipt(t.Context(), s.open[i].MinedTx)
			return err
		})
		require.Equal(t, types.ReceiptStatusSuccessful, receipt.Status)
		s.open[i].Mined = step.Block{Number: receipt.BlockNumber.Uint64(), Hash: receipt.BlockHash}
	}
	return s
}

// journal has all batches, of which some are open, the newest among them.
func (s *shelf) journal(open []step.Batch) step.Journal {
	j := step.Journal{LastID: manyBatches, Open: open}
	if len(open) > 0 && open[0].ID > 1 {
		j.FinalRoot = s.open[open[0].ID-2].LogRoot
	}
	return j
}

func (s *shelf) look(open []step.Batch) chain.Sight {
	s.t.Helper()
	sight, err := s.seen.Look(s.t.Context(), s.contract, testkit.DevAddress, s.journal(open))
	require.NoError(s.t, err)
	return sight
}

// calls counts the calls about batches that the proxy saw.
func (s *shelf) calls() int {
	return s.proxy.Calls("eth_call") + s.proxy.Calls("eth_getBlockByNumber") + s.proxy.Calls("eth_getTransactionReceipt")
}

func (s *shelf) next(open []step.Batch) step.Step {
	s.t.Helper()
	sight := s.look(open)
	return step.Next(s.journal(open), sight.View, step.Limits{BatchMax: 1, OpenMax: 1000}, time.Now())
}

// slow answers every call late, as a provider far away does.
func slow(hook testkit.Hook) testkit.Hook {
	late := testkit.Delay(100 * time.Millisecond)
	return func(ctx context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
		return late(ctx, call, func(call testkit.Call) testkit.Reply { return hook(ctx, call, next) })
	}
}

func forward(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
	return next(call)
}

// finalizedAt shows another block as the finalized one.
func finalizedAt(tag string) testkit.Hook {
	return func(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
		if string(call.Params[0]) == `"finalized"` {
			call.Params[0] = json.RawMessage(tag)
		}
		return next(call)
	}
}

func TestHoweverManyBatchesAreNotFinal(t *testing.T) {
	s := many(t)
	for name, check := range map[string]func(*testing.T, *shelf){
		"a check costs the same":                            costsTheSame,
		"they become final in a few checks":                 becomeFinal,
		"its event finds one whose transaction is unknown":  eventIsFound,
		"a reorg below them is found by halving":            reorgIsFound,
		"what a transaction cost is told where it is mined": costIsTold,
		"one node of three tells nothing of a log":          oneNodeTellsNothing,
	} {
		t.Run(name, func(t *testing.T) {
			s.t = t
			s.proxy.Clear()
			check(t, s)
		})
	}
}

func costsTheSame(t *testing.T, s *shelf) {
	s.proxy.On("*", slow(forward))
	s.proxy.On("eth_getBlockByNumber", slow(finalizedAt(`"earliest"`)))
	newest := s.open[manyBatches-1:]
	s.look(newest) // asks which chain this is, too
	before := s.calls()
	s.look(newest)
	few := s.calls() - before
	before = s.calls()
	require.IsType(t, step.Wait{}, s.next(s.open))
	require.Equal(t, few, s.calls()-before)
}

func becomeFinal(t *testing.T, s *shelf) {
	s.proxy.On("eth_getBlockByNumber", finalizedAt(`"latest"`))
	open, checks, before := s.open, 0, s.calls()
	for ; len(open) > 0; checks++ {
		done, ok := s.next(open).(step.Final)
		require.True(t, ok)
		require.Equal(t, open[0].ID, done.Batches[0].ID)
		open = open[len(done.Batches):]
	}
	require.Equal(t, 10, checks)
	require.Less(t, s.calls()-before, 3*manyBatches)
}

func reorgIsFound(t *testing.T, s *shelf) {
	s.proxy.On("eth_getBlockByNumber", finalizedAt(`"earliest"`))
	s.look(s.open)
	before := s.calls()
	open := slices.Clone(s.open)
	for i := 150; i < len(open); i++ {
		open[i].Mined.Hash = common.Hash{0xbd} // where the journal has them is not on the chain
	}
	gone, ok := s.next(open).(step.Reorged)
	require.True(t, ok)
	require.Equal(t, uint64(151), gone.BatchIDs[0])
	require.Len(t, gone.BatchIDs, manyBatches-150)
	require.Less(t, s.calls()-before, 30)

	for i := 150; i < len(open); i++ {
		open[i].State = event.BatchReorged
	}
	mined, ok := s.next(open).(step.Mined)
	require.True(t, ok)
	require.Equal(t, step.Mined{BatchID: 151, TxHash: s.open[150].MinedTx, Block: s.open[150].Mined}, mined)
}

// fewBlocks refuses to search more than some blocks for logs, as public providers do.
func fewBlocks(most uint64) testkit.Hook {
	return func(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
		var query struct{ FromBlock, ToBlock hexutil.Uint64 }
		if err := json.Unmarshal(call.Params[0], &query); err != nil || uint64(query.ToBlock-query.FromBlock) >= most {
			return testkit.Reply{Error: &testkit.RPCError{Code: -32005, Message: "query exceeds max block range"}}
		}
		return next(call)
	}
}

func eventIsFound(t *testing.T, s *shelf) {
	s.proxy.On("eth_getLogs", fewBlocks(10))
	lost := s.open[4]
	lost.State, lost.Attempts, lost.Mined, lost.MinedTx = event.BatchSealed, nil, step.Block{}, common.Hash{}
	open := slices.Concat(s.open[:4], []step.Batch{lost}, s.open[5:])
	sight := s.look(open)
	require.Equal(t, step.Anchored{TxHash: s.open[4].MinedTx, Block: s.open[4].Mined}, sight.Anchored[lost.ID])

	before := s.proxy.Calls("eth_getLogs")
	open[4].SealedAt = time.Now().Add(24 * time.Hour)
	_, err := s.seen.Look(t.Context(), s.contract, testkit.DevAddress, s.journal(open))
	require.ErrorContains(t, err, "0 events")
	require.Equal(t, before+8, s.proxy.Calls("eth_getLogs"), "seven refusals, and no search below where it was sealed")
}

func costIsTold(t *testing.T, s *shelf) {
	hashes := []common.Hash{s.open[0].MinedTx, {0xbd}, s.open[7].MinedTx}
	costs, err := s.seen.Costs(t.Context(), hashes)
	require.NoError(t, err)
	require.Len(t, costs, 2)
	for i, at := range []int{0, 7} {
		require.Equal(t, s.open[at].MinedTx, costs[i].TxHash)
		require.Equal(t, s.open[at].Mined, costs[i].Block)
		require.Positive(t, costs[i].GasUsed)
		require.Positive(t, costs[i].PriceWei.Sign())
		require.Zero(t, costs[i].L1FeeWei.Sign())
		require.False(t, costs[i].Failed)
	}
	s.proxy.On("eth_getTransactionReceipt", func(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
		reply := next(call)
		elsewhere := []byte(`"blockHash":"` + common.Hash{0xbd}.Hex() + `"`)
		reply.Result = bytes.ReplaceAll(reply.Result, []byte(`"blockHash":"`+s.open[7].Mined.Hash.Hex()+`"`), elsewhere)
		return reply
	})
	costs, err = s.seen.Costs(t.Context(), []common.Hash{s.open[7].MinedTx})
	require.NoError(t, err)
	require.Empty(t, costs, "its block is not on the chain")
}

func oneNodeTellsNothing(t *testing.T, s *shelf) {
	liar := testkit.RPCProxy(t, s.URL())
	liar.On("eth_call", func(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
		if bytes.Contains(call.Params[0], []byte(hexutil.Encode(binding.NewSaleAnchor().PackNextBatchId()))) {
			return testkit.Reply{Result: fmt.Appendf(nil, `"0x%064x"`, 7)}
		}
		return next(call)
	})
	three := connect(t, liar.URL()+","+s.proxy.URL()+","+s.URL())
	_, err := three.LookAtLog(t.Context(), s.contract)
	require.ErrorContains(t, err, "not most of the configured nodes show the same log")
	sight, err := three.LookAtLog(t.Context(), s.contract) // the liar rests
	require.NoError(t, err)
	require.Equal(t, uint64(manyBatches+1), sight.NextBatchID)
	require.Equal(t, s.open[manyBatches-1].LogRoot, sight.LogRoot)
}
