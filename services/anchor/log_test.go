package anchor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/testkit"
)

// served is the log that a deployment's rows of audit.batch give, with the ids that are not the journal's.
func (h *house) served(deployment int64) (log *batchlog.Log, foreign []uint64) {
	h.t.Helper()
	var rows []struct {
		batchlog.Batch
		Ours    bool
		LogRoot common.Hash
	}
	raw := h.ask(fmt.Sprintf(`SELECT coalesce(json_agg(json_build_object('ID', batch_id, 'Root', root, 'Size', size, 'Ours', ours, 'LogRoot', log_root)
		ORDER BY batch_id), '[]')::text FROM audit.batch WHERE in_log AND deployment = %d`, deployment))
	require.NoError(h.t, json.Unmarshal([]byte(raw), &rows))
	log = batchlog.New()
	for _, r := range rows {
		_, err := log.Append(r.Batch)
		require.NoError(h.t, err)
		require.Equal(h.t, log.Root(), r.LogRoot)
		if !r.Ours {
			foreign = append(foreign, r.ID)
		}
	}
	return log, foreign
}

// serves waits until a deployment's rows give the log that its contract has.
func (h *house) serves(deployment int64, contract string, foreign ...uint64) {
	h.t.Helper()
	node, err := ethclient.Dial(h.chain.URL())
	require.NoError(h.t, err)
	defer node.Close()
	testkit.Eventually(h.t, soon, "the contract's log is served", func() error {
		size, root := h.logOf(node, contract)
		if log, _ := h.served(deployment); log.Size() != size || log.Root() != root {
			return fmt.Errorf("it is served with %d of %d batches", log.Size(), size)
		}
		return nil
	})
	_, got := h.served(deployment)
	require.Equal(h.t, foreign, got)
}

// steal anchors a batch with the anchorer's key behind the anchor's back; theirs tells roots apart.
func (h *house) steal(contract string, batchID uint64, theirs ...byte) {
	h.t.Helper()
	to := common.HexToAddress(contract)
	root := common.BytesToHash(append([]byte{0xbd, byte(batchID)}, theirs...))
	h.send(testkit.DevKey, &to, 0, binding.NewSaleAnchor().PackAnchor(batchID, root, 4_000_000_000))
}

// mine anchors a batch of the journal, of one sale, at some contract.
func (h *house) mine(contract string, batchID uint64) {
	h.t.Helper()
	to := common.HexToAddress(contract)
	root := common.HexToHash(h.ask("SELECT encode(root, 'hex') FROM anchor.batch WHERE deployment = 1 AND batch_id = " + strconv.FormatUint(batchID, 10)))
	h.send(testkit.DevKey, &to, 0, binding.NewSaleAnchor().PackAnchor(batchID, root, 1))
}

// secondHeldBack has two batches of one sale each, the second of which a node keeps to itself, and returns the contract.
func (h *house) secondHeldBack(proxy *testkit.Proxy) (contract string) {
	h.t.Helper()
	sold := h.sell(1)
	contract = h.anchored(sold, nil)[sold[0].SaleID].Contract
	proxy.On("eth_sendRawTransaction", testkit.Swallow())
	h.sell(1)
	h.inState(event.BatchBroadcast, 2)
	return contract
}

func TestBatchesOfAStolenKeyStopTheAnchorAndAreServedAsForeign(t *testing.T) {
	t.Parallel()
	h := setup(t)
	proxy := h.behind(1)[0]
	stop := h.start()
	sold := h.sell(1)
	h.anchored(sold, nil)
	sold = append(sold, h.sell(1)...)
	contract := h.anchored(sold, nil)[sold[0].SaleID].Contract
	h.serves(1, contract)
	require.NoError(t, stop())

	h.steal(contract, 3)
	h.steal(contract, 4)
	err := h.refused()
	require.True(t, fault.Is(err, fault.Fatal), "%v", err)
	require.ErrorContains(t, err, "the first batch that differs is 3")
	h.serves(1, contract, 3, 4)

	h.passes(30)
	h.steal(contract, 5)
	proxy.On("eth_getLogs", func(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
		var query struct{ FromBlock, ToBlock hexutil.Uint64 }
		if err := json.Unmarshal(call.Params[0], &query); err != nil || query.ToBlock-query.FromBlock >= 10 {
			return testkit.Reply{Error: &testkit.RPCError{Code: -32005, Message: "query exceeds max block range"}}
		}
		return next(call)
	})
	before := proxy.Calls("eth_getLogs")
	require.ErrorContains(t, h.refused(), "the first batch that differs is 3")
	h.serves(1, contract, 3, 4, 5)
	require.LessOrEqual(t, proxy.Calls("eth_getLogs")-before, 7+3, "seven windows that are refused, and none below what is journaled")
	require.Equal(t, "3", h.ask("SELECT count(*)::text FROM anchor.foreign_batch"), "each is journaled once")

	sightings := h.ask("SELECT count(*)::text FROM anchor.sighting")
	require.ErrorContains(t, h.refused(), "the first batch that differs is 3")
	require.Equal(t, sightings, h.ask("SELECT count(*)::text FROM anchor.sighting"), "nothing new was seen")

	// With a contract of its own the journal goes on, and looks after the log of the old one.
	proxy.Clear()
	h.steal(contract, 6)
	h.cfg.Contract = h.send(testkit.DevKey, nil, 0, binding.DeployData(testkit.DevAddress, testkit.DevAddress)).Hex()
	h.start()
	all := append(sold, h.sell(2)...)
	h.serves(1, contract, 3, 4, 5, 6)
	require.Equal(t, "4", h.ask("SELECT count(*)::text FROM anchor.foreign_batch"), "each is journaled once, also where their events were read again")
	h.anchored(all[2:], func(e event.SaleAnchored) bool { return e.Contract == h.cfg.Contract })
	h.serves(2, h.cfg.Contract)
}

func TestAnotherBatchUnderTheIDOfOursStopsTheAnchor(t *testing.T) {
	t.Parallel()
	h := setup(t)
	proxy := h.behind(1)[0]
	ended := h.run()
	contract := h.secondHeldBack(proxy)
	h.steal(contract, 2)
	err := <-ended
	require.True(t, fault.Is(err, fault.Fatal), "%v", err)
	require.ErrorContains(t, err, "A batch that is not ours")
	require.ErrorContains(t, err, "the first batch that differs is 2")
	h.serves(1, contract, 2)
}

// The contract is another one with the same code, whose first batch is not ours and whose others are.
func TestAnotherBatchFarBelowOursStopsTheAnchor(t *testing.T) {
	t.Parallel()
	h := setup(t)
	stop := h.start()
	var sold []event.SalePriced
	for range 3 {
		sold = append(sold, h.sell(1)...)
		h.anchored(sold, nil)
	}
	h.inState(event.BatchFinal, 3)
	require.NoError(t, stop())
	other := h.send(testkit.DevKey, nil, 0, binding.DeployData(testkit.DevAddress, testkit.DevAddress))
	h.steal(other.Hex(), 1)
	h.mine(other.Hex(), 2)
	h.mine(other.Hex(), 3)
	h.exec(fmt.Sprintf(`UPDATE anchor.deployment SET contract = '\x%x'`, other))
	err := h.refused()
	require.True(t, fault.Is(err, fault.Fatal), "%v", err)
	require.ErrorContains(t, err, "the first batch that differs is 1")
	h.serves(1, other.Hex(), 1, 2, 3)
}

func TestAReorgThatTakesAForeignBatchLetsTheAnchorGoOn(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.neverFinal(h.chain.URL())
	stop := h.start()
	sold := h.sell(1)
	first := h.anchored(sold, nil)[sold[0].SaleID]
	require.NoError(t, stop())
	node, err := ethclient.Dial(h.chain.URL())
	require.NoError(t, err)
	defer node.Close()
	at, err := node.BlockNumber(t.Context())
	require.NoError(t, err)
	h.steal(first.Contract, 2)
	require.ErrorContains(t, h.refused(), "the first batch that differs is 2")
	h.serves(1, first.Contract, 2)

	gone := func() {
		h.cut(max(at, first.BlockNumber) + 1)
		testkit.Eventually(t, soon, "the stolen key's batch is gone", func() error {
			if size, _ := h.logOf(node, first.Contract); size != 1 {
				return errors.New("not yet")
			}
			return nil
		})
	}
	gone()
	h.steal(first.Contract, 2, 1)
	require.ErrorContains(t, h.refused(), "the first batch that differs is 2")
	h.serves(1, first.Contract, 2) // the one that is there now

	gone()
	h.start()
	sold = append(sold, h.sell(1)...)
	h.verify(sold, h.current(sold))
	h.serves(1, first.Contract)
}

func TestWhatIsMinedAtAContractThatWasLeftIsServedThere(t *testing.T) {
	t.Parallel()
	h := setup(t)
	proxy := h.behind(1)[0]
	stop := h.start()
	contract := h.secondHeldBack(proxy)
	require.NoError(t, stop())
	h.mine(contract, 2)

	proxy.Clear()
	h.cfg.Contract = h.send(testkit.DevKey, nil, 0, binding.DeployData(testkit.DevAddress, testkit.DevAddress)).Hex()
	h.start()
	h.serves(1, contract)
	log, _ := h.served(1)
	require.Equal(t, uint64(2), log.Size())
}

func TestWhereAContractWasDeployedIsJournaled(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.neverFinal(h.chain.URL())
	h.start()
	sold := h.sell(1)
	h.anchored(sold, nil)
	node, err := ethclient.Dial(h.chain.URL())
	require.NoError(t, err)
	defer node.Close()
	deployed := func() string {
		receipt, err := node.TransactionReceipt(t.Context(), common.HexToHash(h.ask("SELECT encode(hash, 'hex') FROM anchor.tx_attempt WHERE batch_id = 0")))
		require.NoError(t, err)
		return receipt.BlockNumber.String()
	}
	const journaled = "SELECT block_number::text FROM anchor.deployed ORDER BY id DESC LIMIT 1"
	require.Equal(t, deployed(), h.ask(journaled))

	for range 3 {
		h.transfer() // so that it is mined in another block than before
	}
	h.cut(1)
	h.verify(sold, h.current(sold))
	require.Equal(t, deployed(), h.ask(journaled))
}

func TestWhereAGivenContractHasNoEventsYetIsJournaled(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.cfg.Contract = h.send(testkit.DevKey, nil, 0, binding.DeployData(testkit.DevAddress, testkit.DevAddress)).Hex()
	h.start()
	sold := h.sell(1)
	h.anchored(sold, nil)
	from, err := strconv.ParseUint(h.ask("SELECT block_number::text FROM anchor.deployed"), 10, 64)
	require.NoError(t, err)
	mined, err := strconv.ParseUint(h.ask("SELECT block_number::text FROM anchor.batch_event WHERE state = 'mined'"), 10, 64)
	require.NoError(t, err)
	require.Less(t, from, mined)
}

func TestALogThatWasChangedInTheJournalStopsTheAnchor(t *testing.T) {
	t.Parallel()
	h := setup(t)
	stop := h.start()
	h.anchored(h.sell(1), nil)
	h.inState(event.BatchFinal, 1)
	require.NoError(t, stop())
	h.exec("UPDATE anchor.log SET nodes = sha256(nodes)")
	ended := h.run()
	h.sell(1)
	err := <-ended
	require.True(t, fault.Is(err, fault.Fatal), "%v", err)
	require.ErrorContains(t, err, "does not make its root")
	require.Equal(t, "1", h.ask("SELECT count(*)::text FROM anchor.batch"))
}

// A database of a build whose contract kept a root for each batch.
func TestALogBeginsAnewWhereAnEarlierBuildHasAnchored(t *testing.T) {
	t.Parallel()
	h := setup(t)
	stop := h.start()
	sold := h.sell(3)
	h.anchored(sold, nil)
	h.inState(event.BatchFinal, 3)
	require.NoError(t, stop())
	h.exec(`DELETE FROM anchor.deployed; DELETE FROM anchor.log; UPDATE anchor.deployment SET retired = true`)
	h.start()
	sold = append(sold, h.sell(2)...)
	h.verify(sold, h.anchored(sold, func(e event.SaleAnchored) bool { return e.Deployment == 2 }))
	h.serves(2, h.anchored(sold, func(e event.SaleAnchored) bool { return e.Deployment == 2 })[sold[0].SaleID].Contract)
}

// A node that shows an old state of a contract that was left must not take batches from the log that are final there.
func TestAStaleNodeTakesNothingFromTheLogOfAContractThatWasLeft(t *testing.T) {
	t.Parallel()
	h := setup(t)
	proxy := h.behind(1)[0]
	stop := h.start()
	var sold []event.SalePriced
	for range 2 {
		sold = append(sold, h.sell(1)...)
		h.anchored(sold, nil)
	}
	left := common.HexToAddress(h.anchored(sold, nil)[sold[0].SaleID].Contract)
	h.inState(event.BatchFinal, 2)
	require.NoError(t, stop())

	first := h.ask("SELECT encode(root, 'hex') FROM anchor.log WHERE batch_id = 1")
	shown := make(chan struct{}, 100)
	proxy.On("eth_call", func(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
		var to struct{ To common.Address }
		if err := json.Unmarshal(call.Params[0], &to); err != nil || to.To != left {
			return next(call)
		}
		switch abi := binding.NewSaleAnchor(); string(calledWith(call)) {
		case string(abi.PackNextBatchId()):
			return testkit.Reply{Result: fmt.Appendf(nil, `"0x%064x"`, 2)}
		case string(abi.PackLogRoot()):
			shown <- struct{}{}
			return testkit.Reply{Result: fmt.Appendf(nil, `"0x%s"`, first)}
		}
		return next(call)
	})
	h.cfg.Contract = h.send(testkit.DevKey, nil, 0, binding.DeployData(testkit.DevAddress, testkit.DevAddress)).Hex()
	h.start()
	<-shown
	all := append(sold, h.sell(1)...)
	h.anchored(all[2:], nil) // some checks later
	h.serves(1, left.Hex())
	log, _ := h.served(1)
	require.Equal(t, uint64(2), log.Size())
	require.Equal(t, "0", h.ask("SELECT count(*)::text FROM anchor.sighting"))
}
