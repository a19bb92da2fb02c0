package anchor_test

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/merkle"
)

// verify checks every proof against the chain, and that journal and chain agree as infra/docs/CONTRACT.md, 8 demands: every sale in
// exactly one batch, ids dense, rootOf as journaled.
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
	roots := strings.Fields(h.ask(`SELECT string_agg(encode(root, 'hex'), ' ' ORDER BY batch_id)
		FROM anchor.batch WHERE deployment = (SELECT max(id) FROM anchor.deployment)`))
	for i, root := range roots {
		require.Equal(h.t, common.HexToHash(root), h.rootOf(node, contract, uint64(i+1)), "batch %d", i+1)
	}
	require.Zero(h.t, h.rootOf(node, contract, uint64(len(roots)+1)), "the contract has no batch that the journal lacks")
}

func (h *house) rootOf(node *ethclient.Client, contract string, batchID uint64) common.Hash {
	h.t.Helper()
	abi := binding.NewSaleAnchor()
	answer, err := node.CallContract(h.t.Context(), callTo(contract, abi.PackRootOf(batchID)), nil)
	require.NoError(h.t, err)
	root, err := abi.UnpackRootOf(answer)
	require.NoError(h.t, err)
	return root
}

// ask reads one text as the database's owner.
