package anchor_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/merkle"
)

// verify checks every proof against the chain, and that journal and chain agree as infra/docs/CONTRACT.md, 8 demands: every sale in
// exactly one batch, ids dense, the contract's log as journaled.
func (h *house) verify(sold []event.SalePriced, got map[string]event.SaleAnchored) {
	h.t.Helper()
	node, err := ethclient.Dial(cmp.Or(h.rpc, h.chain.URL()))
	require.NoError(h.t, err)
	defer node.Close()
	blocks := make(map[common.Hash]common.Hash) // by transaction
	for _, s := range sold {
		e, ok := got[s.SaleID]
		require.True(h.t, ok)
		require.Equal(h.t, s.SaleHash, e.SaleHash)
		require.Equal(h.t, s.AmountWei, e.AmountWei)
		require.True(h.t, merkle.Verify(e.Root, e.Leaf, e.Proof))
		if _, seen := blocks[e.TxHash]; !seen {
			require.Equal(h.t, e.Root, h.rootOf(node, e.Contract, e.BatchID))
			receipt, err := node.TransactionReceipt(h.t.Context(), e.TxHash)
			require.NoError(h.t, err)
			require.Equal(h.t, e.BlockNumber, receipt.BlockNumber.Uint64())
			blocks[e.TxHash] = receipt.BlockHash
		}
		require.Equal(h.t, e.BlockHash, blocks[e.TxHash])
	}
	require.Equal(h.t, strconv.Itoa(len(sold)),
		h.ask(`SELECT count(*)::text FROM anchor.batch_leaf WHERE deployment = (SELECT max(id) FROM anchor.deployment)`), "each sale stands in one batch")
	h.agree(node, got[sold[0].SaleID].Contract)
}

// agree checks that the contract holds the newest deployment's batches, all of them and nothing else.
func (h *house) agree(node *ethclient.Client, contract string) {
	h.t.Helper()
	require.Equal(h.t, "0", h.ask(`SELECT count(*)::text
		FROM (SELECT batch_id, row_number() OVER (PARTITION BY deployment ORDER BY batch_id) n FROM anchor.batch) b WHERE batch_id <> n`), "batch ids are dense")
	var batches []batchlog.Batch
	raw := h.ask(`SELECT coalesce(json_agg(json_build_object('ID', batch_id, 'Root', '0x' || encode(root, 'hex'), 'Size', size) ORDER BY batch_id), '[]')::text
		FROM anchor.batch WHERE deployment = (SELECT max(id) FROM anchor.deployment)`)
	require.NoError(h.t, json.Unmarshal([]byte(raw), &batches))
	log := batchlog.New()
	for _, b := range batches {
		_, err := log.Append(b)
		require.NoError(h.t, err)
	}
	size, root := h.logOf(node, contract)
	require.Equal(h.t, log.Size(), size, "the contract has all of the journal's batches and no other")
	require.Equal(h.t, log.Root(), root)
	require.Equal(h.t, fmt.Sprintf("%x", root), h.ask(`SELECT coalesce((SELECT encode(root, 'hex') FROM anchor.log
		WHERE deployment = (SELECT max(id) FROM anchor.deployment) ORDER BY batch_id DESC LIMIT 1), repeat('0', 64))`))
}

// logOf reads how many batches the contract's log has, and its root.
func (h *house) logOf(node *ethclient.Client, contract string) (size uint64, root common.Hash) {
	h.t.Helper()
	abi := binding.NewSaleAnchor()
	answer, err := node.CallContract(h.t.Context(), callTo(contract, abi.PackNextBatchId()), nil)
	require.NoError(h.t, err)
	next, err := abi.UnpackNextBatchId(answer)
	require.NoError(h.t, err)
	answer, err = node.CallContract(h.t.Context(), callTo(contract, abi.PackLogRoot()), nil)
	require.NoError(h.t, err)
	root, err = abi.UnpackLogRoot(answer)
	require.NoError(h.t, err)
	return next - 1, root
}

// rootOf reads a batch's root from the contract's event.
func (h *house) rootOf(node *ethclient.Client, contract string, batchID uint64) common.Hash {
	h.t.Helper()
	logs, err := node.FilterLogs(h.t.Context(), ethereum.FilterQuery{
		FromBlock: new(big.Int), Addresses: []common.Address{common.HexToAddress(contract)}, Topics: binding.BatchAnchoredTopics(batchID),
	})
	require.NoError(h.t, err)
	require.Len(h.t, logs, 1)
	return logs[0].Topics[2]
}

// ask reads one text as the database's owner.
